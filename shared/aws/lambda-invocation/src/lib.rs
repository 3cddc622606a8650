//! Invocations of Lambda functions: the time that the present invocation has left, and the invocation of another
//! function without waiting for it. AWS takes the event, answers at once, and runs the function.

#[cfg(feature = "restore-trigger")]
mod lambda_restore_trigger; // RestoreTrigger
mod time_left; // until Lambda ends the invocation

#[cfg(feature = "restore-trigger")]
pub use lambda_restore_trigger::{InvokeSettingsError, LambdaRestoreTrigger};
pub use time_left::time_left;
