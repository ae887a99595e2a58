// What messages of a topic become: rows of the table, deletions, dead letters.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/kafka/kafka_metadata.h"
#include "connectors/kafka/kafka_options.h"
#include "connectors/shared/dead_letter_rows.h"
#include "formats/format.h"

namespace millrace {

// Which columns of the output come from where.
struct KafkaColumns {
    Schema output;
    Schema value, key;  // what the decoders make; key is empty without one
    Schema metadata;    // of messages' own keys, which are:
    std::vector<std::string> metadata_keys;
    enum class From : uint8_t { Value, Key, Metadata };
    struct Source {
        From from = From::Value;
        size_t index = 0;  // of the decoder's columns, or of `metadata`
    };
    std::vector<Source> sources;  // a column of the output each
    bool fromValueAlone() const;  // and in its order
};

class KafkaRows {
  public:
    // `key` and `dead_letters` may be nullptr.
    KafkaRows(bool upsert, const KafkaColumns& columns, std::unique_ptr<Decoder> value,
              std::unique_ptr<Decoder> key, DeadLetterRows* dead_letters);

    // False for a message that is passed over. After a UserError ("data.malformed" and others of the formats)
    // it has left no row.
    bool add(const rd_kafka_message_t& message, const std::string& topic, const RecordOrigin& origin);
    bool empty() const { return value_rows_.rows() == 0; }
    Batch finish();  // what was added

  private:
    bool addKey(const rd_kafka_message_t& message, const RecordOrigin& origin);
    bool addValue(const rd_kafka_message_t& message, const RecordOrigin& origin);
    void matchKeys(const rd_kafka_message_t& message, const RecordOrigin& origin, size_t rows);
    std::string_view copied(const void* bytes, size_t size);
    uint64_t rejected() const { return dead_letters_ != nullptr ? dead_letters_->count() : 0; }

    const bool upsert_;
    const KafkaColumns& columns_;
    const std::unique_ptr<Decoder> value_, key_;
    DeadLetterRows* const dead_letters_;
    BatchBuilder value_rows_, key_rows_;
    KafkaMetadataReader metadata_;
    const bool value_alone_;
    std::vector<RowKind> kinds_;  // of upserts, one a row
    std::string buffer_;          // a message, with room for a decoder behind it
};

}  // namespace millrace
