//! Lambda's Invoke API (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>). The gateway, the mapping and the
//! schedule all reach functions through it.

mod invoke_api; // serves functions of this process
mod invoke_client; // calls a function and waits for its answer
mod schedule; // invokes a function again and again

pub use invoke_api::{EventFunction, InvokeApi};
pub use invoke_client::{Invocation, InvokeClient, InvokeError};
pub use schedule::Schedule;
