#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "connectors/filesystem/file_enumerator.h"
#include "connectors/filesystem/file_reader.h"
#include "connectors/shared/node_name.h"
#include "formats/format.h"

namespace millrace {
namespace {

class FilesystemSource final : public Source {
  public:
    explicit FilesystemSource(const TableSpec& spec)
        : options_(FilesystemOptions::from(spec)),
          table_options_(spec.options),
          file_schema_(fileSchema(spec)),
          dead_letters_(spec.dead_letters) {
        std::vector<Field> output;
        std::vector<Field> decoded;
        columns_.partition_keys = spec.partition_keys;
        for (const ColumnPath& path : spec.projection) {
            const Field field = fieldAt(spec.schema, path);
            output.push_back(field);
            if (const std::string* const metadata = spec.metadataKey(path.front())) {
                const std::vector<MetadataKey> keys = fileMetadataKeys();
                const auto known = std::find_if(
                    keys.begin(), keys.end(), [&](const MetadataKey& one) { return one.name == *metadata; });
                columns_.sources.push_back(
                    {FileColumns::From::Metadata, static_cast<size_t>(known - keys.begin())});
                continue;
            }
            const auto key = std::find(spec.partition_keys.begin(), spec.partition_keys.end(), field.name);
            if (key != spec.partition_keys.end()) {
                columns_.sources.push_back(
                    {FileColumns::From::Partition, static_cast<size_t>(key - spec.partition_keys.begin())});
                continue;
            }
            columns_.sources.push_back({FileColumns::From::Decoder, decoded.size()});
            decoded.push_back(field);
            ColumnPath in_file = path;
            in_file.front() = static_cast<size_t>(file_schema_.find(spec.schema[path.front()].name));
            projection_.push_back(std::move(in_file));
        }
        columns_.output = Schema(std::move(output));
        columns_.decoded = Schema(std::move(decoded));
        makeDecoder();                           // says now what is wrong with the format's options
        FileEnumerator(options_, std::nullopt);  // and with the pattern
    }

    std::string name() const override { return nodeName("TableSourceScan", options_.table, columns_.output); }
    const Schema& outputSchema() const override { return columns_.output; }
    Boundedness boundedness() const override {
        return options_.monitor_interval ? Boundedness::Unbounded : Boundedness::Bounded;
    }
    std::unique_ptr<SplitEnumerator> createEnumerator(
        const std::optional<std::string>& restored) const override {
        return std::make_unique<FileEnumerator>(options_, restored);
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        return std::make_unique<FileReader>(options_, columns_, makeDecoder(), dead_letters_, context);
    }

  private:
    std::unique_ptr<Decoder> makeDecoder() const {
        return findFormat(options_.format).make_decoder(file_schema_, projection_, table_options_);
    }

    const FilesystemOptions options_;
    const std::map<std::string, std::string> table_options_;
    const Schema file_schema_;
    const std::optional<Schema> dead_letters_;
    std::vector<ColumnPath> projection_;  // of file_schema_
    FileColumns columns_;
};

}  // namespace

std::shared_ptr<const Source> makeFilesystemSource(const TableSpec& spec) {
    return std::make_shared<FilesystemSource>(spec);
}

}  // namespace millrace
