// The filesystem connector: files of records as a table, read once or watched, written exactly once.
#include "connectors/filesystem/file_reader.h"
#include "connectors/filesystem/filesystem_options.h"
#include "formats/format.h"

namespace millrace {

ConnectorDescriptor describeFilesystem() {
    ConnectorDescriptor connector;
    connector.name = "filesystem";
    connector.documentation =
        "Reads a file, a folder, or a folder that is watched for new files; writes files that appear whole, "
        "exactly once, "
        "with each checkpoint. Files must not change once they can be seen: write them under a name that "
        "starts with '.' "
        "and rename them.";
    connector.options = FilesystemOptions::describe();
    connector.uses_format = true;
    connector.nested_projection = [](const TableSpec& spec) {
        return findFormat(FilesystemOptions::from(spec).format).nested_projection;
    };
    connector.reads_changes = [](const TableSpec& spec) {
        return findFormat(FilesystemOptions::from(spec).format).changelog;
    };
    connector.keeps_dead_letters = true;
    connector.metadata = [](const TableSpec&) { return fileMetadataKeys(); };
    connector.make_source = makeFilesystemSource;
    connector.can_overwrite = true;
    connector.make_sink = makeFilesystemSink;
    connector.partitions = partitionFolders;
    return connector;
}

}  // namespace millrace
