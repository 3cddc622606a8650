use std::time::{Duration, SystemTime};

use lambda_runtime::Context;

/// The time that an invocation may take if no deadline is given.
const WITHOUT_A_DEADLINE: Duration = Duration::from_secs(60);

/// The time that an invocation has left before Lambda ends it.
#[must_use]
pub fn time_left(context: &Context) -> Duration {
    time_until(context.deadline())
}

/// The time until the deadline. Lambda invokes no function after its deadline, so a past deadline counts as none.
/// `cargo lambda watch` gives every invocation ten minutes from the beginning of 1970.
fn time_until(deadline: SystemTime) -> Duration {
    deadline.duration_since(SystemTime::now()).unwrap_or(WITHOUT_A_DEADLINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_kept_and_one_that_has_passed_is_none() {
        let left = time_until(SystemTime::now() + Duration::from_secs(30));
        assert!(left > Duration::from_secs(29) && left <= Duration::from_secs(30), "{left:?}");
        assert_eq!(time_until(SystemTime::UNIX_EPOCH + Duration::from_secs(600)), WITHOUT_A_DEADLINE);
    }
}
