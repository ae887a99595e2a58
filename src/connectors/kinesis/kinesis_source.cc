#include "connectors/kinesis/kinesis_source.h"

#include <algorithm>

#include "connectors/kinesis/kinesis_enumerator.h"
#include "connectors/kinesis/kinesis_metadata.h"
#include "connectors/kinesis/kinesis_reader.h"
#include "connectors/shared/node_name.h"

namespace millrace {
namespace {

class KinesisSource final : public Source {
  public:
    KinesisSource(const TableSpec& spec, const MakeKinesisClient& make_client)
        : options_(KinesisOptions::from(spec)),
          schema_(spec.physicalSchema()),
          dead_letters_(spec.dead_letters),
          client_(make_client(options_)) {
        columns_.output = spec.projectedSchema();
        std::vector<Field> decoded, metadata;
        for (const ColumnPath& path : spec.projection) {
            const Field field = fieldAt(spec.schema, path);
            if (const std::string* const key = spec.metadataKey(path.front())) {
                const std::vector<MetadataKey> keys = kinesisMetadataKeys();
                const auto known = std::find_if(keys.begin(), keys.end(),
                                                [&](const MetadataKey& one) { return one.name == *key; });
                columns_.sources.push_back({true, metadata.size()});
                columns_.metadata_keys.push_back(static_cast<size_t>(known - keys.begin()));
                metadata.push_back(field);
                continue;
            }
            columns_.sources.push_back({false, decoded.size()});
            decoded.push_back(field);
            ColumnPath in_record = path;
            in_record.front() = static_cast<size_t>(schema_.find(spec.schema[path.front()].name));
            projection_.push_back(std::move(in_record));
        }
        columns_.decoded = Schema(std::move(decoded));
        columns_.metadata = Schema(std::move(metadata));
        decoder();  // it says now what is wrong with the format's options
    }

    std::string name() const override { return nodeName("TableSourceScan", options_.table, columns_.output); }
    const Schema& outputSchema() const override { return columns_.output; }
    Boundedness boundedness() const override { return Boundedness::Unbounded; }
    std::unique_ptr<SplitEnumerator> createEnumerator(
        const std::optional<std::string>& restored) const override {
        return std::make_unique<KinesisEnumerator>(options_, client_, restored);
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        const auto make_fetcher = [this](uint64_t seed) {
            return options_.fan_out ? makeFanOutFetcher(options_, client_, seed)
                                    : makePollingFetcher(options_, client_, seed);
        };
        return std::make_unique<KinesisReader>(options_, columns_, decoder(), dead_letters_, make_fetcher,
                                               context);
    }

  private:
    std::unique_ptr<Decoder> decoder() const {
        return findFormat(options_.format).make_decoder(schema_, projection_, options_.format_options);
    }

    const KinesisOptions options_;
    const Schema schema_;
    const std::optional<Schema> dead_letters_;
    std::vector<ColumnPath> projection_;
    KinesisColumns columns_;
    const std::shared_ptr<const KinesisClient> client_;
};

}  // namespace

std::shared_ptr<const Source> makeKinesisSource(const TableSpec& spec, const MakeKinesisClient& make_client) {
    return std::make_shared<KinesisSource>(spec, make_client);
}

}  // namespace millrace
