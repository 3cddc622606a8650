use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use zip::ZipArchive;

use super::{program, workspace_folder};

/// The variable with the folder of the artifacts that `make build` has made. If it is set, the tests run the artifacts instead
/// of the programs that cargo builds.
const ARTIFACTS_VARIABLE: &str = "PASSBOOK_ARTIFACTS";
/// The program in each artifact, which Lambda starts.
const BOOTSTRAP: &str = "bootstrap";

/// The artifacts of `make build`, unpacked as Lambda unpacks them.
pub struct Artifacts {
    folder: PathBuf,
    unpacked: PathBuf,
}

impl Artifacts {
    /// Unpacks all artifacts in this folder before any is started, because a program that is still being written cannot be
    /// started.
    fn unpack(folder: PathBuf) -> Self {
        let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).join("artifacts");
        if unpacked.exists() {
            std::fs::remove_dir_all(&unpacked).expect("what another run has left");
        }
        std::fs::create_dir_all(&unpacked).expect("a folder");
        let artifacts = Self { folder, unpacked };
        let entries = std::fs::read_dir(&artifacts.folder).unwrap_or_else(|error| {
            panic!("{ARTIFACTS_VARIABLE}: {}: {error}", artifacts.folder.display());
        });
        for entry in entries {
            let name = entry.expect("an entry").file_name().into_string().expect("a function's name");
            unpack(&artifacts.artifact(&name), &artifacts.program(&name));
        }
        artifacts
    }

    fn artifact(&self, function: &str) -> PathBuf {
        self.folder.join(function).join("bootstrap.zip")
    }

    fn program(&self, function: &str) -> PathBuf {
        self.unpacked.join(function)
    }

    /// The same program in a file of its own. No part of this file is in a cache when the other file has run.
    #[cfg(feature = "services")]
    pub fn unpack_again(&self, function: &str, name: &str) {
        unpack(&self.artifact(function), &self.program(name));
    }

    /// The artifact in the form in which it is uploaded.
    #[cfg(feature = "services")]
    pub fn zip_bytes(&self, function: &str) -> u64 {
        std::fs::metadata(self.artifact(function)).expect("make build has made it").len()
    }
}

/// Unpacks the program with the mode that it has in the artifact. A program that is not executable there does not start on
/// Lambda either. The file is written in one piece. A file that is written in small pieces lies in memory in small pieces, and
/// a start has to fetch each.
fn unpack(artifact: &Path, program: &Path) {
    let file = File::open(artifact).unwrap_or_else(|error| panic!("{}: {error}", artifact.display()));
    let mut archive = ZipArchive::new(file).expect("a ZIP file");
    assert_eq!(archive.len(), 1, "{} holds more than its program", artifact.display());
    let mut bootstrap = archive.by_name(BOOTSTRAP).expect("a program");
    let mode = bootstrap.unix_mode().expect("a mode");
    let mut options = OpenOptions::new();
    let mut unpacked = options.write(true).create_new(true).mode(mode).open(program).expect("an empty folder");
    let mut bytes = Vec::new();
    bootstrap.read_to_end(&mut bytes).expect("unpacked");
    unpacked.write_all(&bytes).expect("written");
}

/// The artifacts that the environment names, if it names any.
pub fn artifacts_of_environment() -> Option<&'static Artifacts> {
    static ARTIFACTS: LazyLock<Option<Artifacts>> = LazyLock::new(|| {
        std::env::var_os(ARTIFACTS_VARIABLE).map(|folder| Artifacts::unpack(workspace_folder().join(folder)))
    });
    ARTIFACTS.as_ref()
}

/// A function's program. It comes from the artifacts if the environment names a folder of them, and otherwise from cargo's
/// build for the tests.
pub fn function_program(function: &str) -> PathBuf {
    artifacts_of_environment().map_or_else(|| program(function), |artifacts| artifacts.program(function))
}
