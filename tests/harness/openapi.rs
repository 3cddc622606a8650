use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

use super::Answer;

const DOCUMENT_URI: &str = "https://passbook.example/openapi";

/// The project's `openapi.yaml`, in a form with which answers can be compared.
pub struct OpenApi {
    pub document: Value,
    registry: jsonschema::Registry<'static>,
    validators: Mutex<BTreeMap<String, &'static Validator>>,
}

impl OpenApi {
    pub fn get() -> &'static Self {
        static OPENAPI: OnceLock<OpenApi> = OnceLock::new();
        OPENAPI.get_or_init(|| {
            let document: Value = serde_norway::from_str(api_description::OPENAPI_YAML).expect("YAML");
            let registry = jsonschema::Registry::new()
                .add(DOCUMENT_URI, document.clone())
                .expect("a URI")
                .prepare()
                .expect("a document");
            OpenApi { document, registry, validators: Mutex::default() }
        })
    }

    /// Follows a `$ref` within the document, if there is one.
    pub fn resolve<'a>(&'a self, pointer: &str, value: &'a Value) -> (String, &'a Value) {
        match value["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').expect("a reference within the document");
                let target = self.document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"));
                self.resolve(pointer, target)
            }
            None => (pointer.to_owned(), value),
        }
    }

    /// Fails unless the value fits the schema at this place of the document.
    #[track_caller]
    pub fn check_schema(&'static self, pointer: &str, value: &Value, what: &str) {
        let validator = {
            let mut validators = self.validators.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            *validators.entry(pointer.to_owned()).or_insert_with(|| {
                let schema = json!({
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "$ref": format!("{DOCUMENT_URI}#{}", pointer.replace('{', "%7B").replace('}', "%7D")),
                });
                let validator = jsonschema::options()
                    .with_registry(&self.registry)
                    .should_validate_formats(true)
                    .build(&schema)
                    .unwrap_or_else(|error| panic!("{pointer}: {error}"));
                Box::leak(Box::new(validator))
            })
        };
        let errors: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{what} does not fit {pointer}: {errors:#?}\n{value:#}");
    }

    /// Fails unless the document gives this answer for this operation. If no operation matches, the answer must still
    /// be a problem.
    #[track_caller]
    pub fn check(&'static self, method: &Method, path: &str, answer: &Answer) {
        let what = format!("{method} {path} -> {}", answer.status);
        let is_head = method == Method::HEAD;
        // HTTP distinguishes upper and lower case in methods. A request with `get` matches none of the document's
        // operations.
        let operation_name = match *method {
            Method::GET | Method::HEAD => "get",
            Method::POST => "post",
            _ => "",
        };
        let operation = self.template_of(path).and_then(|template| {
            let pointer = format!("/paths/{}/{operation_name}", escape(&template));
            self.document.pointer(&pointer).map(|operation| (pointer, operation))
        });
        let status = answer.status.as_u16().to_string();
        assert!(answer.headers.contains_key("x-correlation-id"), "{what}: no X-Correlation-Id");
        let (pointer, response) = match operation {
            Some((pointer, operation)) => {
                let response = &operation["responses"][&status];
                assert!(!response.is_null(), "{what}: openapi.yaml does not give this status; {}", answer.body);
                self.resolve(&format!("{pointer}/responses/{status}"), response)
            }
            None => {
                let component = match answer.status.as_u16() {
                    404 => "NotFound",
                    405 => "MethodNotAllowed",
                    _ if path == "/" || path.starts_with("/console.") => return,
                    _ => panic!("{what}: there is no such operation, and yet this answer: {}", answer.body),
                };
                (format!("/components/responses/{component}"), &self.document["components"]["responses"][component])
            }
        };
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let (header_pointer, header) = self.resolve(&format!("{pointer}/headers/{}", escape(name)), header);
            match answer.headers.get(name) {
                None => assert!(header["required"] != true, "{what}: the header {name} is missing"),
                Some(value) => {
                    let text = value.to_str().expect("ASCII");
                    let is_integer = header["schema"]["type"] == "integer";
                    let value = if is_integer { json!(text.parse::<i64>().expect("an integer")) } else { json!(text) };
                    self.check_schema(&format!("{header_pointer}/schema"), &value, &format!("{what}: header {name}"));
                }
            }
        }
        let content = response["content"].as_object();
        let media_type = answer.headers.get("content-type").map(|value| value.to_str().expect("ASCII"));
        match content {
            None => assert_eq!(answer.body, Value::Null, "{what}: a body where openapi.yaml gives none"),
            Some(_) if is_head => assert_eq!(answer.body, Value::Null, "{what}: HEAD has a body"),
            Some(content) => {
                let media_type = media_type.unwrap_or_else(|| panic!("{what}: no Content-Type"));
                assert!(content.contains_key(media_type), "{what}: openapi.yaml does not give {media_type}");
                let pointer = format!("{pointer}/content/{}/schema", escape(media_type));
                self.check_schema(&pointer, &answer.body, &what);
            }
        }
    }

    /// The document's path that matches a request's path.
    fn template_of(&self, path: &str) -> Option<String> {
        let segments: Vec<&str> = path.split('/').collect();
        let paths = self.document["paths"].as_object()?;
        let fits = |template: &&String| {
            let parts: Vec<&str> = template.split('/').collect();
            parts.len() == segments.len()
                && parts
                    .iter()
                    .zip(&segments)
                    .all(|(part, segment)| part == segment || (part.starts_with('{') && !segment.is_empty()))
        };
        // A literal path is preferred to a path with a parameter.
        paths.keys().filter(fits).min_by_key(|template| template.matches('{').count()).cloned()
    }
}

/// Writes a member in the escaped form of a JSON pointer (RFC 6901).
pub fn escape(member: &str) -> String {
    member.replace('~', "~0").replace('/', "~1")
}
