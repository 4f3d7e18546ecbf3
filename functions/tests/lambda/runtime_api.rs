//! Lambda's Runtime API, as far as a function sees it: it asks for events, and answers or fails.

use std::collections::VecDeque;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::sync::{Mutex, Notify, mpsc};

/// What came of an invocation.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The function answered with these bytes.
    Answer(Vec<u8>),
    /// The invocation failed; what the function said.
    Failure(String),
}

struct Events {
    waiting: Mutex<VecDeque<Vec<u8>>>,
    more: Notify,
    outcomes: mpsc::Sender<Outcome>,
}

/// A function in its own process, served events by a Runtime API of its own.
pub(crate) struct Function {
    events: Arc<Events>,
    outcomes: mpsc::Receiver<Outcome>,
    child: Child,
    _log: tempfile::NamedTempFile,
}

impl Drop for Function {
    fn drop(&mut self) {
        // Nothing to do if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Function {
    /// Starts the program with Lambda's environment and `env`.
    pub(crate) async fn start(program: &str, env: &[(&str, &str)]) -> Self {
        let (sender, outcomes) = mpsc::channel(16);
        let (waiting, more) = (Mutex::default(), Notify::new());
        let events = Arc::new(Events { waiting, more, outcomes: sender });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failure))
            .route("/2018-06-01/runtime/init/error", post(init))
            .with_state(events.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let log = tempfile::NamedTempFile::new().unwrap();
        let child = Command::new(program)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "deskreel")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/deskreel")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/24/[$LATEST]test")
            .env("AWS_REGION", "us-east-1")
            .env("RUST_LOG", "debug")
            .envs(env.iter().copied())
            .stdout(Stdio::null())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        Self { events, outcomes, child, _log: log }
    }

    /// What the function made of this event.
    pub(crate) async fn invoke(&mut self, event: &[u8]) -> Outcome {
        self.events.waiting.lock().await.push_back(event.to_vec());
        self.events.more.notify_one();
        self.outcome().await
    }

    /// What comes next.
    pub(crate) async fn outcome(&mut self) -> Outcome {
        let next = tokio::time::timeout(Duration::from_secs(60), self.outcomes.recv()).await;
        next.unwrap_or_else(|_| panic!("no answer; it said: {}", self.log())).unwrap()
    }

    /// The answer to this event, as JSON.
    pub(crate) async fn answer(&mut self, event: &[u8]) -> serde_json::Value {
        match self.invoke(event).await {
            Outcome::Answer(bytes) => serde_json::from_slice(&bytes).unwrap(),
            other => panic!("{other:?}; it said: {}", self.log()),
        }
    }

    /// Everything it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self._log.path()).unwrap()
    }

    /// Whether the process is still the one that was started.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

async fn next(State(events): State<Arc<Events>>) -> Response {
    loop {
        if let Some(event) = events.waiting.lock().await.pop_front() {
            let mut response = event.into_response();
            for (name, value) in [
                ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
                ("lambda-runtime-deadline-ms", "9999999999999"),
                (
                    "lambda-runtime-invoked-function-arn",
                    "arn:aws:lambda:us-east-1:123456789012:function:deskreel",
                ),
                ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0"),
            ] {
                response
                    .headers_mut()
                    .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            return response;
        }
        events.more.notified().await;
    }
}

async fn response(State(events): State<Arc<Events>>, _: Path<String>, body: Bytes) -> StatusCode {
    told(&events, Outcome::Answer(body.to_vec())).await
}

async fn failure(State(events): State<Arc<Events>>, _: Path<String>, body: Bytes) -> StatusCode {
    told(&events, Outcome::Failure(String::from_utf8_lossy(&body).into_owned())).await
}

async fn init(State(events): State<Arc<Events>>, body: Bytes) -> StatusCode {
    // The function did not even start.
    failure(State(events), Path(String::new()), body).await
}

async fn told(events: &Events, outcome: Outcome) -> StatusCode {
    // A test that is over listens no more.
    let _ = events.outcomes.send(outcome).await;
    StatusCode::ACCEPTED
}
