#include "runtime/hooks.h"

namespace millrace {

const char* toString(CheckpointStep step) {
    switch (step) {
        case CheckpointStep::Barrier:
            return "barrier";
        case CheckpointStep::Capture:
            return "capture";
        case CheckpointStep::Upload:
            return "upload";
        case CheckpointStep::ManifestRename:
            return "manifest rename";
        case CheckpointStep::PreCommit:
            return "pre-commit";
        case CheckpointStep::Commit:
            return "commit";
        case CheckpointStep::Acknowledge:
            return "acknowledge";
        case CheckpointStep::CleanUp:
            return "clean-up";
        case CheckpointStep::Compaction:
            return "compaction";
    }
    return "";
}

}  // namespace millrace
