// What Kinesis answers with: records, taken out of their JSON and, where a producer library put several user
// records into one, out of its aggregation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

struct KinesisRecords {
    // As it came from the stream.
    struct Raw {
        std::string sequence;
        std::string partition_key;
        int64_t arrival_ms = 0;
    };
    // As a user wrote it.
    struct Record {
        size_t offset = 0;  // in `bytes`
        size_t size = 0;
        uint32_t raw = 0;   // of `raws`
        int64_t user = -1;  // its place in an aggregated record; -1: it is not aggregated
        bool last = true;   // of its raw record
    };
    // Every record's data with a line end behind it, and at the end kDecoderPadding bytes.
    std::string bytes;
    std::vector<Raw> raws;
    std::vector<Record> records;
    int64_t behind_ms = 0;

    // Of the answer: how to go on, "" at the shard's end.
    std::string next_iterator;
    std::string continuation;  // the sequence number to go on behind, of an event of SubscribeToShard
    bool has_children = false;

    std::string_view data(const Record& record) const {
        return std::string_view(bytes).substr(record.offset, record.size);
    }
};

// The answer of GetRecords, or the payload of a SubscribeToShardEvent. UserError "kinesis.bad-answer" for
// what is not one.
KinesisRecords parseKinesisRecords(std::string answer);

// Appends one raw record, whose data is given: as one record, or as those the Kinesis Producer Library
// aggregated in it. (Format: amazon-kinesis-producer, "aggregation-format.md".) What begins like an
// aggregated record but is none is one record.
void appendKinesisRecord(KinesisRecords& out, KinesisRecords::Raw raw, std::string_view data);
// Ends `bytes` after the last record.
void padKinesisRecords(KinesisRecords& out);

// Base64, as in JSON; false for what is none.
bool appendBase64Decoded(std::string_view text, std::string& out);
void appendBase64(std::string_view bytes, std::string& out);

}  // namespace millrace
