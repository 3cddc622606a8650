use async_trait::async_trait;
use local_aws::EventFunction;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use super::runtime_api::FunctionProcess;

/// Several processes of one function, each with one event at a time, as Lambda runs them. If all are busy, a caller
/// waits.
pub struct FunctionPool {
    idle: Mutex<mpsc::Receiver<FunctionProcess>>,
    back: mpsc::Sender<FunctionProcess>,
}

impl FunctionPool {
    pub async fn start(function: &str, size: usize, environment: &[(String, String)]) -> Self {
        let (back, idle) = mpsc::channel(size);
        for _ in 0..size {
            let process = FunctionProcess::start_with(function, environment).await;
            back.send(process).await.expect("there is room");
        }
        Self { idle: Mutex::new(idle), back }
    }

    /// The answer of the next idle process, or the error that it reports.
    pub async fn answer(&self, event: Value) -> Result<Value, Value> {
        let process = self.idle.lock().await.recv().await.expect("the pool keeps the other end");
        let answer = process.try_invoke(&event).await;
        self.back.send(process).await.expect("there is room");
        answer
    }
}

#[async_trait]
impl EventFunction for FunctionPool {
    async fn invoke(&self, event: Value) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        self.answer(event).await.map_err(|error| error["errorMessage"].as_str().unwrap_or_default().into())
    }
}
