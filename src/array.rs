//! Arrays of a fixed length, read from TOML: one element too many is an error too, which serde's own
//! arrays pass over.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// `[T; N]`, no more and no less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Array<T: Serialize, const N: usize>(#[serde(serialize_with = "as_list")] pub [T; N]);

fn as_list<T: Serialize, const N: usize, S: serde::Serializer>(
    array: &[T; N],
    s: S,
) -> Result<S::Ok, S::Error> {
    s.collect_seq(array)
}

impl<'de, T: Deserialize<'de> + Serialize, const N: usize> Deserialize<'de> for Array<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<T>::deserialize(deserializer)?;
        let n = list.len();
        list.try_into()
            .map(Self)
            .map_err(|_| D::Error::custom(format!("{N} elements are wanted, there are {n}")))
    }
}
