//! What to do about a route that cannot be told.

use super::{Failure, word};
use crate::{ops::route::Error, terminal::neutralise};

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let message = neutralise(&error.to_string()).into_owned();
        match error {
            Error::Broker(error) => error.into(),
            Error::NoExchange { nearest: Some(nearest), .. } => Failure::new("no_exchange", message)
                .hint(format!("did you mean {0}? --exchange {0} names it", word(&neutralise(&nearest)))),
            Error::NoExchange { nearest: None, .. } => Failure::new("no_exchange", message),
        }
    }
}
