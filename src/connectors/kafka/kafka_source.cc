#include "connectors/kafka/kafka_source.h"

#include <algorithm>

#include "connectors/kafka/kafka_enumerator.h"
#include "connectors/kafka/kafka_reader.h"
#include "connectors/shared/node_name.h"

namespace millrace {
namespace {

class KafkaSource final : public Source {
  public:
    explicit KafkaSource(const TableSpec& spec)
        : options_(KafkaOptions::from(spec)),
          value_schema_(options_.valueSchema(spec.schema)),
          key_schema_(options_.keySchema(spec.schema)),
          dead_letters_(spec.dead_letters) {
        options_.checkSource(spec);
        std::vector<Field> output;
        std::vector<std::pair<ColumnPath, size_t>> value,
            key;  // paths in the message, with the output's column
        std::vector<std::pair<size_t, std::string>> own, format_metadata;  // keys, with the output's column
        for (const ColumnPath& path : spec.projection) {
            if (const std::string* const metadata = spec.metadataKey(path.front())) {
                const size_t column = output.size();
                output.push_back(spec.schema[path.front()]);
                if (auto name = kafkaFormatMetadata(*metadata))
                    format_metadata.emplace_back(column, std::move(*name));
                else
                    own.emplace_back(column, *metadata);
                continue;
            }
            const auto& keys = options_.key_columns;
            const bool of_key = std::find(keys.begin(), keys.end(), path.front()) != keys.end();
            const auto& places = of_key ? keys : options_.value_columns;
            ColumnPath in_message = path;
            in_message.front() =
                static_cast<size_t>(std::find(places.begin(), places.end(), path.front()) - places.begin());
            (of_key ? key : value).emplace_back(std::move(in_message), output.size());
            output.push_back(fieldAt(spec.schema, path));
        }
        columns_.output = Schema(std::move(output));
        columns_.sources.resize(columns_.output.size());
        columns_.value = project(value, false, value_projection_);
        columns_.key = project(key, true, key_projection_);
        std::vector<Field> value_fields = columns_.value.fields(), own_fields;
        for (auto& [column, name] : format_metadata) {
            columns_.sources[column] = {KafkaColumns::From::Value, value_fields.size()};
            value_fields.push_back(columns_.output[column]);
            value_metadata_.push_back(std::move(name));
        }
        columns_.value = Schema(std::move(value_fields));
        if (options_.upsert) columns_.value = nullable(columns_.value);  // for deletions
        for (auto& [column, name] : own) {
            columns_.sources[column] = {KafkaColumns::From::Metadata, own_fields.size()};
            own_fields.push_back(columns_.output[column]);
            columns_.metadata_keys.push_back(std::move(name));
        }
        columns_.metadata = Schema(std::move(own_fields));
        valueDecoder();  // they say now what is wrong with the formats' options
        keyDecoder();
        kafkaConf(options_.table, options_.settings);
    }

    std::string name() const override { return nodeName("TableSourceScan", options_.table, columns_.output); }
    const Schema& outputSchema() const override { return columns_.output; }
    Boundedness boundedness() const override {
        return options_.end.kind == KafkaPosition::Kind::Unbounded ? Boundedness::Unbounded
                                                                   : Boundedness::Bounded;
    }
    std::unique_ptr<SplitEnumerator> createEnumerator(
        const std::optional<std::string>& restored) const override {
        return std::make_unique<KafkaEnumerator>(options_, restored);
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        return std::make_unique<KafkaReader>(options_, columns_, valueDecoder(), keyDecoder(), dead_letters_,
                                             context);
    }

  private:
    static Schema nullable(const Schema& schema) {
        std::vector<Field> fields = schema.fields();
        for (Field& field : fields)
            field.type = field.type.withNullable(true);
        return Schema(std::move(fields));
    }
    // In the order of the message's columns, as decoders make them.
    Schema project(std::vector<std::pair<ColumnPath, size_t>>& paths, bool of_key,
                   std::vector<ColumnPath>& projection) {
        std::sort(paths.begin(), paths.end());
        std::vector<Field> fields;
        for (auto& [path, column] : paths) {
            columns_.sources[column] = {of_key ? KafkaColumns::From::Key : KafkaColumns::From::Value,
                                        fields.size()};
            fields.push_back(columns_.output[column]);
            projection.push_back(std::move(path));
        }
        return Schema(std::move(fields));
    }
    std::unique_ptr<Decoder> valueDecoder() const {
        const FormatDescriptor& format = findFormat(options_.value_format);
        if (value_metadata_.empty())
            return format.make_decoder(value_schema_, value_projection_, options_.format_options);
        return format.make_metadata_decoder(value_schema_, value_projection_, value_metadata_,
                                            options_.format_options);
    }
    std::unique_ptr<Decoder> keyDecoder() const {
        if (key_projection_.empty()) return nullptr;
        return findFormat(options_.key_format)
            .make_decoder(key_schema_, key_projection_, options_.key_format_options);
    }

    const KafkaOptions options_;
    const Schema value_schema_, key_schema_;  // of whole messages
    const std::optional<Schema> dead_letters_;
    std::vector<ColumnPath> value_projection_, key_projection_;
    std::vector<std::string> value_metadata_;  // of the format
    KafkaColumns columns_;
};

}  // namespace

std::shared_ptr<const Source> makeKafkaSource(const TableSpec& spec) {
    return std::make_shared<KafkaSource>(spec);
}

bool kafkaReadsChanges(const TableSpec& spec) {
    return findFormat(KafkaOptions::from(spec).value_format).changelog;
}

}  // namespace millrace
