use cqrs::Digest;
use uuid::Uuid;

/// The W3C trace context (<https://www.w3.org/TR/trace-context/#traceparent-header>) of an event.
///
/// It is made from the commit's content, so that the relay sends the same context as the command's own process. The
/// trace id is the correlation id if that is a UUID or 32 hexadecimal digits; a client that traces puts its trace id
/// there. Otherwise it is a digest of the correlation id. The parent span comes from the event's own id. The context is
/// marked as sampled, so that tracing systems record it.
#[must_use]
pub fn traceparent(correlation_id: &str, event_id: Uuid) -> String {
    let trace_id = match Uuid::try_parse(correlation_id) {
        Ok(id) if !id.is_nil() => id.as_u128(),
        _ => u128::from_be_bytes(first(Digest::of(correlation_id.as_bytes()))),
    };
    let parent_id = u64::from_be_bytes(first(Digest::of(event_id.as_bytes())));
    // An id of all zeros would not be valid.
    format!("00-{:032x}-{:016x}-01", trace_id.max(1), parent_id.max(1))
}

fn first<const N: usize>(digest: Digest) -> [u8; N] {
    *digest.as_bytes().first_chunk().expect("no more than a digest's 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_taken_over_and_any_other_id_makes_one_of_its_own() {
        let event_id = Uuid::now_v7();
        let of = |correlation_id| traceparent(correlation_id, event_id);
        let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(of(trace_id)[..36], format!("00-{trace_id}-"));
        assert_eq!(of("4bf92f35-77b3-4da6-a3ce-929d0e0e4736"), of(trace_id));
        assert_ne!(of("one")[..36], of("two")[..36]);
        assert_eq!(of("one"), of("one"));
        for correlation_id in ["one", "", "00000000000000000000000000000000", trace_id] {
            let parts: Vec<_> = of(correlation_id).split('-').map(str::len).collect();
            assert_eq!(parts, [2, 32, 16, 2], "{correlation_id:?}");
            assert!(!of(correlation_id).contains(&"0".repeat(32)), "{correlation_id:?}");
        }
    }
}
