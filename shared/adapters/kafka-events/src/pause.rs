use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After a failure nobody tries for a while, and then one does for all. Without it each command would wait for a broker
/// that is away as long as the one before it.
#[derive(Debug)]
pub(crate) struct Pause {
    length: Duration,
    until: Mutex<Option<Instant>>,
}

impl Pause {
    pub(crate) const fn of(length: Duration) -> Self {
        Self { length, until: Mutex::new(None) }
    }

    /// Whether to try now. Of those who ask when the pause is over, the first is told to; for the others it goes on
    /// until that one has [ended](Self::end) it. If that one never says, the next is let through after another pause.
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
