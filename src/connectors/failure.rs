//! What can go wrong with one request to a helpdesk, told in more detail than the loop needs.

use super::PullError;

/// What can go wrong with one request, for connectors that must tell more than the loop needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 404: there is nothing there.
    NotFound,
    /// 403: a right is missing; which one, in words.
    Forbidden(String),
    /// The answer is larger than allowed.
    TooLarge,
    /// 400 and other refusals of the request itself.
    Refused(u16),
    /// What the loop knows.
    Pull(PullError),
}

impl Failure {
    /// The failure of something that belongs to a record. That it is not there says nothing of the record itself, which
    /// must not count as gone for it.
    pub fn inside(self) -> Self {
        match self {
            Failure::NotFound => {
                let reason = "a part of the record is not there (status 404)".to_owned();
                Failure::Pull(PullError::Transient(reason))
            }
            other => other,
        }
    }
}

impl From<PullError> for Failure {
    fn from(error: PullError) -> Self {
        Failure::Pull(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_part_does_not_make_its_record_gone() {
        assert!(matches!(
            Failure::NotFound.inside(),
            Failure::Pull(PullError::Transient(_))
        ));
        assert_eq!(Failure::TooLarge.inside(), Failure::TooLarge);
    }
}
