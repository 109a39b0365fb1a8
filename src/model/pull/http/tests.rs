//! Headers and addresses as servers and people write them.

use super::*;

fn answer(name: header::HeaderName, value: &str) -> Response<()> {
    Response::builder().header(name, value).body(()).expect("an answer")
}

#[test]
fn ranges_are_read() {
    let range = |text| range(&answer(header::CONTENT_RANGE, text));
    assert_eq!(range("bytes 5-9/10"), Some((5, Some(10))));
    assert_eq!(range("bytes 5-9/*"), Some((5, None)));
    assert_eq!(range("bytes */10"), None);
    assert_eq!(range("lines 5-9/10"), None);
}

#[test]
fn only_what_if_range_takes_is_a_validator() {
    let of = |name, text| validator_of(answer(name, text).headers());
    assert_eq!(of(header::ETAG, "\"a\"").as_deref(), Some("\"a\""));
    assert_eq!(of(header::ETAG, "W/\"a\""), None);
    let date = "Tue, 15 Nov 1994 12:45:26 GMT";
    assert_eq!(of(header::LAST_MODIFIED, date).as_deref(), Some(date));
}

#[test]
fn passwords_are_not_shown() {
    assert_eq!(without_password("https://u:p@h:1/a@b?c"), "https://h:1/a@b?c");
    assert_eq!(without_password("http://h"), "http://h");
}
