use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After a failure no caller tries for a while, and then one caller tries for all. Without the pause each command would
/// wait for a broker that is away, as long as the command before it.
#[derive(Debug)]
pub(crate) struct Pause {
    length: Duration,
    until: Mutex<Option<Instant>>,
}

impl Pause {
    pub(crate) const fn of(length: Duration) -> Self {
        Self { length, until: Mutex::new(None) }
    }

    /// Whether to try now. When the pause is over, the first caller that asks may try. For the other callers the pause
    /// goes on until the first one has [ended](Self::end) it. If the first one never does, the next may try after
    /// another pause.
    pub(crate) fn may_try(&self, now: Instant) -> bool {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        match *until {
            None => true,
            Some(end) if now < end => false,
            Some(_) => {
                *until = Some(now + self.length);
                true
            }
        }
    }

    pub(crate) fn begin(&self, now: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + self.length);
    }

    pub(crate) fn end(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(5);

    #[test]
    fn nobody_tries_within_the_pause_and_one_after_it() {
        let (pause, start) = (Pause::of(LENGTH), Instant::now());
        assert!(pause.may_try(start) && pause.may_try(start));

        pause.begin(start);
        assert!(!pause.may_try(start));
        assert!(!pause.may_try(start + LENGTH - Duration::from_millis(1)));
        assert!(pause.may_try(start + LENGTH));
        assert!(!pause.may_try(start + LENGTH));
    }

    #[test]
    fn a_success_ends_the_pause_for_all_and_a_failure_begins_another() {
        let (pause, start) = (Pause::of(LENGTH), Instant::now());
        pause.begin(start);
        pause.end();
        assert!(pause.may_try(start) && pause.may_try(start));

        pause.begin(start);
        assert!(pause.may_try(start + LENGTH));
        pause.begin(start + LENGTH * 2);
        assert!(!pause.may_try(start + LENGTH * 2));
        assert!(pause.may_try(start + LENGTH * 3));
    }

    #[test]
    fn one_who_tried_and_never_said_how_it_went_holds_the_others_up_for_one_more_pause() {
        let (pause, start) = (Pause::of(LENGTH), Instant::now());
        pause.begin(start);
        assert!(pause.may_try(start + LENGTH));
        assert!(!pause.may_try(start + LENGTH * 2 - Duration::from_millis(1)));
        assert!(pause.may_try(start + LENGTH * 2));
    }
}
