//! The proxy that the usual environment variables name.

use ureq::Proxy;

/// The proxy for an address of https or http: `https_proxy` or `http_proxy`, else `all_proxy`, in small
/// letters or capitals, except for the hosts of `no_proxy` and those below them. `variable` reads the
/// environment; an empty variable counts for none.
pub fn of(https: bool, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, String> {
    let read = |name: &str| {
        let either = [name.to_owned(), name.to_uppercase()];
        either.into_iter().find_map(|name| Some((variable(&name).filter(|v| !v.trim().is_empty())?, name)))
    };
    let own = if https { "https_proxy" } else { "http_proxy" };
    let Some((url, name)) = read(own).or_else(|| read("all_proxy")) else { return Ok(None) };
    // It may hold a password, and is not shown.
    let wrong = || format!("use the proxy of {name}: that is no address of one");
    let proxy = Proxy::new(url.trim()).ok().filter(|proxy| !proxy.host().is_empty()).ok_or_else(wrong)?;
    let mut builder = Proxy::builder(proxy.protocol()).host(proxy.host()).port(proxy.port());
    if let Some(user) = proxy.username() {
        builder = builder.username(user).password(proxy.password().unwrap_or_default());
    }
    for host in read("no_proxy").iter().flat_map(|(hosts, _)| hosts.split(',')).map(str::trim) {
        let host = host.trim_start_matches("*.").trim_start_matches('.');
        if host == "*" {
            return Ok(None);
        }
        if !host.is_empty() {
            builder = builder.no_proxy(host).no_proxy(&format!(".{host}"));
        }
    }
    builder.build().map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(https: bool, variables: &[(&str, &str)]) -> Result<Option<Proxy>, String> {
        of(https, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn of_host(proxy: &Proxy, host: &str) -> bool {
        !proxy.is_no_proxy(&format!("https://{host}/a").parse().expect("a URI"))
    }

    #[test]
    fn each_scheme_has_its_own() {
        let variables =
            [("https_proxy", "http://a:81"), ("HTTP_PROXY", "b:82"), ("ALL_PROXY", "socks5h://c")];
        let host = |https| with(https, &variables).expect("good").map(|p| (p.host().to_owned(), p.port()));
        assert_eq!(host(true), Some(("a".to_owned(), 81)));
        assert_eq!(host(false), Some(("b".to_owned(), 82)));
        let all = with(true, &variables[1..]).expect("good").expect("a proxy");
        assert_eq!((all.host(), all.port()), ("c", 1080));
        assert!(with(true, &[("https_proxy", " "), ("http_proxy", "b")]).expect("good").is_none());
    }

    #[test]
    fn some_hosts_go_without() {
        let proxy =
            |hosts| with(true, &[("https_proxy", "http://u:p%40@a"), ("no_proxy", hosts)]).expect("good");
        let some = proxy("localhost, .example.com,*.example.org,127.0.0.1").expect("a proxy");
        assert_eq!((some.username(), some.password()), (Some("u"), Some("p@")));
        for host in ["localhost", "example.com", "x.example.com", "y.example.org", "127.0.0.1"] {
            assert!(!of_host(&some, host), "{host}");
        }
        for host in ["example.net", "badexample.com", "127.0.0.11"] {
            assert!(of_host(&some, host), "{host}");
        }
        assert!(proxy("a,*").is_none());
    }

    #[test]
    fn a_wrong_one_is_told_without_its_password() {
        let why = with(true, &[("HTTPS_PROXY", "ftp://u:secret@a")]).expect_err("no proxy");
        assert!(why.contains("HTTPS_PROXY") && !why.contains("secret"), "{why}");
    }
}
