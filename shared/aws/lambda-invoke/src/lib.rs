//! Invokes a Lambda function without waiting for it: AWS takes the event, answers at once, and runs the function.

mod lambda_restore_trigger; // RestoreTrigger

pub use lambda_restore_trigger::{InvokeSettingsError, LambdaRestoreTrigger};
