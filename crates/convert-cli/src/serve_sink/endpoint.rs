//! What the sink makes of a request.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::shape::{Batch, check};

/// What the sink has to report.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A batch was accepted.
    Batch(Batch),
    /// A request was refused.
    Refused(Refusal),
    /// A connection ended otherwise than it should.
    ConnectionFailed(String),
    /// Standard input has ended.
    InputEnded,
}

/// Why a request was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

/// The tracking endpoint.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    arrivals: Sender<Arrival>,
    timeout: Duration,
}

impl Endpoint {
    /// Makes an endpoint whose bodies may take this long.
    pub(super) fn new(arrivals: Sender<Arrival>, timeout: Duration) -> Self {
        Endpoint { arrivals, timeout }
    }

    /// Answers a request and reports it.
    ///
    /// The report comes first, so that whatever a client knows to be accepted is reported before
    /// the program ends. While the output is slower than the clients, they wait.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let outcome = self.judge(request).await;
        let (status, body) = match &outcome {
            Ok(_) => (StatusCode::OK, json!({"code": "OK"})),
            Err(refusal) if refusal.status.is_success() => (refusal.status, json!({"code": "BOT"})),
            Err(refusal) => (refusal.status, json!({"error": refusal.message})),
        };
        let arrival = outcome.map_or_else(Arrival::Refused, Arrival::Batch);
        self.report(arrival).await;
        respond(status, &body)
    }

    /// Reports a connection that was cut off or broke.
    pub(super) async fn connection_failed(&self, fault: String) {
        self.report(Arrival::ConnectionFailed(fault)).await;
    }

    async fn report(&self, arrival: Arrival) {
        // It fails while the program ends, when nothing is reported any more.
        let _ = self.arrivals.send(arrival).await;
    }

    /// Decides what the service would make of a request.
    async fn judge(&self, request: Request<Incoming>) -> Result<Batch, Refusal> {
        let (head, body) = request.into_parts();
        let body = self.read(body).await?;
        let path = head.uri.path();
        let is_track = path.split_once("/track/").is_some_and(|(_, key)| !key.is_empty());
        if !is_track {
            return Err(refusal(
                StatusCode::NOT_FOUND,
                "the path is not `…/track/` and an SDK key",
            ));
        }
        if head.method != Method::POST {
            return Err(refusal(StatusCode::METHOD_NOT_ALLOWED, "events are sent with POST"));
        }
        let media_type = header(&head.headers, &CONTENT_TYPE).split(';').next().unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case("application/json") {
            let message = "the header `Content-Type` is not `application/json`";
            return Err(refusal(StatusCode::BAD_REQUEST, message));
        }
        let batch =
            check(&body).map_err(|fault| refusal(StatusCode::BAD_REQUEST, &fault.to_string()))?;
        if header(&head.headers, &USER_AGENT) == AGENT {
            return Ok(batch);
        }
        let message = "the header `User-Agent` is not that of an SDK: taken for a bot";
        Err(refusal(StatusCode::OK, message))
    }

    async fn read(&self, body: Incoming) -> Result<Bytes, Refusal> {
        let too_long = || refusal(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 1 MiB");
        let hint = body.size_hint();
        if hint.exact().is_none() {
            return Err(refusal(StatusCode::LENGTH_REQUIRED, "the body has no length"));
        }
        if hint.lower() > MAX_BODY {
            return Err(too_long());
        }
        let limit = usize::try_from(MAX_BODY).unwrap_or(usize::MAX);
        match timeout(self.timeout, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
            Ok(Err(error)) => {
                let message = format!("the body broke off: {error}");
                Err(refusal(StatusCode::BAD_REQUEST, &message))
            }
            Err(_) => {
                let message = format!("the body took longer than {:?}", self.timeout);
                Err(refusal(StatusCode::REQUEST_TIMEOUT, &message))
            }
        }
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn refusal(status: StatusCode, message: &str) -> Refusal {
    Refusal { status, message: message.to_owned() }
}

fn respond(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // What is left of a body that was not read to its end is not worth waiting for.
    let is_unread =
        [StatusCode::LENGTH_REQUIRED, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::REQUEST_TIMEOUT];
    if is_unread.contains(&status) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The only agent that the service does not take for a bot.
const AGENT: &str = "ConvertAgent/1.0";
/// The bytes that the service takes at most.
const MAX_BODY: u64 = 1 << 20;
