//! Schemas that cannot be used.

use super::{Failure, causes};
use crate::catalog::schema::Error;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let causes = causes(&error);
        let hint = match &error {
            Error::Read { .. } => "schema files are named relative to the topology file",
            Error::Json { .. } | Error::Schema { .. } => {
                "a JSON Schema is expected; it may refer to files beside it and below"
            }
        };
        Failure { causes, ..Failure::usage("schema", error.to_string()) }.hint(hint)
    }
}
