// The watermark of a source's subtask out of those of its splits, as Flink's per-split watermarks are:
//
//  * the minimum over the splits that are active; one that was assigned and has no watermark yet holds it
//    back, an idle one and one that is finished do not;
//  * when all are idle, the highest they reached, then idle;
//  * it does not go back: a split that begins behind it holds it where it is.
//
// With alignment, the subtask reports its watermark to its group, at every update interval, and splits that
// are further ahead of the group's lowest than the drift allows are not read until they no longer are.
//
// A source that does not tell of which split its rows are counts as one split; so does one that has none.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "runtime/per_split_operator.h"
#include "runtime/watermark_alignment.h"

namespace millrace {

class SplitWatermarks;

// The source, as the operator behind it sees it.
class HeldSource {
  public:
    virtual ~HeldSource() = default;
    // Those of its splits that are not to be read for now, as `follower` wants it; `all`: nothing at all.
    virtual void hold(const SplitWatermarks& follower, std::set<std::string> splits, bool all) = 0;
};

class SplitWatermarks {
  public:
    // `output` and `context` are the operator's own; `groups` may be nullptr without alignment.
    SplitWatermarks(const PerSplitOperator& op, OperatorContext& context, Output& output, std::string uid,
                    HeldSource& source, std::shared_ptr<WatermarkAlignmentGroups> groups);
    ~SplitWatermarks();

    // Of the source.
    void splitAdded(const std::string& id);
    void splitFinished(const std::string& id);
    void ofSplit(const std::string& id);

    // Of the chain.
    void process(const Batch& batch);
    void onWatermark(EventTime watermark);  // only the last one of all counts
    void onIdle(bool idle);
    void onProcessingTime(ProcessingTime now);
    void leave();  // the source's end: the group goes on without it

  private:
    struct Split;
    std::unique_ptr<Split> makeSplit();
    template <class F>
    void forEach(F&& f);  // split that counts
    void combine();
    void align();

    const PerSplitOperator& operator_;
    OperatorContext& context_;
    Output& output_;
    const std::string uid_;
    HeldSource& source_;
    const std::shared_ptr<WatermarkAlignmentGroups> groups_;

    std::map<std::string, std::unique_ptr<Split>> splits_;
    std::unique_ptr<Split> alone_;  // of rows that are of no split; counts while there is none
    Split* current_ = nullptr;
    std::string current_id_;
    EventTime out_ = EventTime::min();
    bool out_idle_ = false;
    int64_t align_at_ms_ = INT64_MAX;
};

}  // namespace millrace
