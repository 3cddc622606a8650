//! Load, decide, save: which stream a command is for, and which method decides on it.

use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, EventSourcingHandler};

use super::case::{AdjournHearing, CancelHearing, Case, CaseId, DecideCase, FileCase, HoldHearing, ScheduleHearing};

/// Handles every command on cases. One type for all, since they need the same one thing; a deployment with a
/// function per command gives each a type of its own.
#[derive(Clone)]
pub struct CaseCommandHandler {
    cases: EventSourcingHandler<Case>,
}

impl CaseCommandHandler {
    /// On these cases.
    pub fn new(cases: EventSourcingHandler<Case>) -> Self {
        Self { cases }
    }
}

impl CommandHandler<FileCase> for CaseCommandHandler {
    type Aggregate = Case;
    type Outcome = CommandOutcome<Case>;

    async fn handle(&self, envelope: &CommandEnvelope<FileCase>) -> Result<CommandOutcome<Case>, CommandErrorOf<Case>> {
        let CommandEnvelope { command, context } = envelope;
        let stream_id = CaseId::of(&command.docket_number).stream_id();
        // Loaded although it creates the stream: the docket number may have been filed, and only a case that
        // is looked at can say so.
        self.cases
            .execute(stream_id, context, |loaded| {
                loaded.require_version(context.expected_version)?;
                Ok(loaded.aggregate.file_case(command)?)
            })
            .await
    }
}

impl CommandHandler<ScheduleHearing> for CaseCommandHandler {
    type Aggregate = Case;
    type Outcome = CommandOutcome<Case>;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<ScheduleHearing>,
    ) -> Result<CommandOutcome<Case>, CommandErrorOf<Case>> {
        let CommandEnvelope { command, context } = envelope;
        self.cases
            .execute(command.case_id.stream_id(), context, |loaded| {
                loaded.require_version(context.expected_version)?;
                Ok(loaded.aggregate.schedule_hearing(command)?)
            })
            .await
    }
}

impl CommandHandler<AdjournHearing> for CaseCommandHandler {
    type Aggregate = Case;
    type Outcome = CommandOutcome<Case>;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<AdjournHearing>,
    ) -> Result<CommandOutcome<Case>, CommandErrorOf<Case>> {
        let CommandEnvelope { command, context } = envelope;
        self.cases
            .execute(command.case_id.stream_id(), context, |loaded| {
                loaded.require_version(context.expected_version)?;
                Ok(loaded.aggregate.adjourn_hearing(command)?)
            })
            .await
    }
}

impl CommandHandler<HoldHearing> for CaseCommandHandler {
    type Aggregate = Case;
    type Outcome = CommandOutcome<Case>;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<HoldHearing>,
    ) -> Result<CommandOutcome<Case>, CommandErrorOf<Case>> {
        let CommandEnvelope { command, context } = envelope;
        self.cases
            .execute(command.case_id.stream_id(), context, |loaded| {
                loaded.require_version(context.expected_version)?;
                Ok(loaded.aggregate.hold_hearing(command)?)
            })
            .await
    }
}

impl CommandHandler<CancelHearing> for CaseCommandHandler {
    type Aggregate = Case;
    type Outcome = CommandOutcome<Case>;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<CancelHearing>,
    ) -> Result<CommandOutcome<Case>, CommandErrorOf<Case>> {
        let CommandEnvelope { command, context } = envelope;
        self.cases
            .execute(command.case_id.stream_id(), context, |loaded| {
                loaded.require_version(context.expected_version)?;
                Ok(loaded.aggregate.cancel_hearing(command)?)
            })
            .await
    }
}

impl CommandHandler<DecideCase> for CaseCommandHandler {
    type Aggregate = Case;
    type Outcome = CommandOutcome<Case>;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<DecideCase>,
    ) -> Result<CommandOutcome<Case>, CommandErrorOf<Case>> {
        let CommandEnvelope { command, context } = envelope;
        self.cases
            .execute(command.case_id.stream_id(), context, |loaded| {
                loaded.require_version(context.expected_version)?;
                Ok(loaded.aggregate.decide_case(command)?)
            })
            .await
    }
}
