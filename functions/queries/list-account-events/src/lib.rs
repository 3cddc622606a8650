//! `GET /accounts/{id}/events`: a page of an account's audit trail.

mod event_body; // an event in the form for the client
mod list_account_events_handler; // reads the page from the event store

use std::sync::Arc;

use async_trait::async_trait;
use bank_http_api::{account_id, account_query_problem, actor, scopes};
use cqrs::{EventStoreRepository, PersonalData, QueryDispatcher, QueryEnvelope};
use http::StatusCode;
use http_api::{Answer, ApiRequest, Cursor, HttpFunction, Problem};
use serde::{Deserialize, Serialize};

use event_body::EventBody;
pub use list_account_events_handler::{AuditedEvent, EventsAnswer, ListAccountEvents, ListAccountEventsHandler};

/// The function behind `GET /accounts/{id}/events`.
pub struct ListAccountEventsFunction {
    dispatcher: QueryDispatcher<ListAccountEvents, EventsAnswer>,
}

#[derive(Serialize)]
struct EventsBody {
    events: Vec<EventBody>,
    next_cursor: Option<String>,
}

/// The version that the next page starts with.
#[derive(Serialize, Deserialize)]
struct EventsCursor {
    from_version: u64,
}

impl Cursor for EventsCursor {
    const LIST: &'static str = "events";
}

impl ListAccountEventsFunction {
    /// The function on this event store. The second argument opens the events' personal data.
    pub fn new(event_store_repository: Arc<dyn EventStoreRepository>, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { dispatcher: QueryDispatcher::new(ListAccountEventsHandler::new(event_store_repository, personal_data)) }
    }
}

#[async_trait]
impl HttpFunction for ListAccountEventsFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_READ)?;
        let parameters = request.query(&["limit", "cursor"])?;
        let query = ListAccountEvents {
            actor: actor(&caller),
            account_id: account_id(request)?,
            from_version: parameters.cursor()?.map_or(1, |cursor: EventsCursor| cursor.from_version.max(1)),
            limit: parameters.limit()?,
        };
        let context = request.query_context(&caller);
        let page = self
            .dispatcher
            .dispatch(QueryEnvelope { query, context })
            .await
            .map_err(|error| account_query_problem(&error))?;
        let body = EventsBody {
            events: page.events.into_iter().map(EventBody::from).collect(),
            next_cursor: page.next_from_version.map(|from_version| EventsCursor { from_version }.encode()),
        };
        Ok(Answer::json(StatusCode::OK, &body))
    }
}
