// From events to batches: the columns that a query asks for, of the kinds of events that it asks for.
#pragma once

#include "batch/batch.h"
#include "connectors/nexmark/event_fields.h"

namespace millrace {

// One column of the batches.
struct NexmarkColumn {
    enum class What : uint8_t {
        EventType,
        Field,  // a field of one kind of events; NULL in the rows of the others
        Row,    // all fields of one kind, as a ROW
    };
    What what = What::EventType;
    NexmarkKind kind = NexmarkKind::Person;
    std::vector<const NexmarkField*> fields;  // one, of a Field; one for each of the ROW's
    LogicalType type;
};

struct NexmarkOutput {
    std::vector<NexmarkColumn> columns;
    std::array<bool, kNexmarkKinds> kinds{true, true, true};  // whose events there are rows for
};

class NexmarkGenerator {
  public:
    NexmarkGenerator(const NexmarkOutput& output, const NexmarkTimeline& timeline)
        : output_(&output), timeline_(timeline) {}

    const NexmarkTimeline& timeline() const { return timeline_; }
    // The events number `begin` up to `end` of the timeline, counted from 0; those of kinds that the output
    // leaves out have no row.
    Batch generate(uint64_t begin, uint64_t end);

  private:
    ColumnPtr makeColumn(const NexmarkColumn& column) const;
    ColumnPtr makeField(const NexmarkField& field, NexmarkKind kind, const LogicalType& type) const;
    ColumnPtr spread(const ColumnPtr& dense, const KindRows& rows) const;
    bool fills(const KindRows& rows) const { return rows.rows == rows_.rows; }

    const NexmarkOutput* output_;
    NexmarkTimeline timeline_;
    EventRows rows_;
};

}  // namespace millrace
