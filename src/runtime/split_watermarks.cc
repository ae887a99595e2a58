#include "runtime/split_watermarks.h"

#include <algorithm>
#include <utility>

namespace millrace {

struct SplitWatermarks::Split final : Output {
    explicit Split(SplitWatermarks& of) : owner(of), state(of.operator_.open(of.context_)) {}

    void emit(Batch batch) override { owner.output_.emit(std::move(batch)); }
    void emitWatermark(EventTime to) override {
        watermark = std::max(watermark, to);
        owner.combine();
    }
    void emitIdle(bool is_idle) override {
        idle = is_idle;
        owner.combine();
    }

    SplitWatermarks& owner;
    std::unique_ptr<OperatorState> state;
    EventTime watermark = EventTime::min();
    bool idle = false;
    bool held = false;
};

SplitWatermarks::SplitWatermarks(const PerSplitOperator& op, OperatorContext& context, Output& output,
                                 std::string uid, HeldSource& source,
                                 std::shared_ptr<WatermarkAlignmentGroups> groups)
    : operator_(op),
      context_(context),
      output_(output),
      uid_(std::move(uid)),
      source_(source),
      groups_(std::move(groups)),
      alone_(makeSplit()) {
    if (operator_.alignment().group.empty() || !groups_) return;
    align_at_ms_ = context_.now().value() + operator_.alignment().update_interval.ms;
    context_.wakeAt(ProcessingTime(align_at_ms_));
}

SplitWatermarks::~SplitWatermarks() = default;

std::unique_ptr<SplitWatermarks::Split> SplitWatermarks::makeSplit() {
    return std::make_unique<Split>(*this);
}

template <class F>
void SplitWatermarks::forEach(F&& f) {
    if (splits_.empty()) f(*alone_);
    for (const auto& [id, split] : splits_)
        f(*split);
}

void SplitWatermarks::splitAdded(const std::string& id) {
    auto& split = splits_[id];
    if (split) return;
    split = makeSplit();
    combine();  // an idle subtask is no longer idle
}

void SplitWatermarks::splitFinished(const std::string& id) {
    const auto found = splits_.find(id);
    if (found == splits_.end()) return;
    if (current_ == found->second.get()) current_ = nullptr;
    const EventTime reached = found->second->watermark;
    splits_.erase(found);
    if (splits_.empty()) {
        alone_ = makeSplit();  // its time without rows begins now
        alone_->watermark = std::max(reached, out_);
    }
    combine();
}

void SplitWatermarks::ofSplit(const std::string& id) {
    if (current_ != nullptr && current_id_ == id) return;
    const auto found = splits_.find(id);
    current_ = found == splits_.end() ? nullptr : found->second.get();
    current_id_ = id;
}

void SplitWatermarks::process(const Batch& batch) {
    Split& split = current_ != nullptr ? *current_ : *alone_;
    operator_.process(*split.state, 0, batch, context_, split);
}

void SplitWatermarks::onWatermark(EventTime watermark) {
    if (watermark != EventTime::max()) return;
    leave();
    if (out_idle_) output_.emitIdle(out_idle_ = false);
    out_ = watermark;
    output_.emitWatermark(watermark);
}

// The source itself says so.
void SplitWatermarks::onIdle(bool idle) {
    forEach([&](Split& split) { split.idle = idle; });
    combine();
}

void SplitWatermarks::combine() {
    EventTime lowest = EventTime::max(), highest = EventTime::min();
    bool idle = true;
    forEach([&](const Split& split) {
        highest = std::max(highest, split.watermark);
        if (split.idle) return;
        idle = false;
        lowest = std::min(lowest, split.watermark);
    });
    if (!idle && out_idle_) output_.emitIdle(out_idle_ = false);
    const EventTime reached = idle ? highest : lowest;
    if (reached > out_) output_.emitWatermark(out_ = reached);
    if (idle && !out_idle_) output_.emitIdle(out_idle_ = true);
}

void SplitWatermarks::onProcessingTime(ProcessingTime now) {
    if (now.value() >= align_at_ms_) align();
    forEach([&](Split& split) {
        if (split.held) operator_.onHeldBack(*split.state, context_);
        operator_.onProcessingTime(*split.state, now, context_, split);
    });
}

void SplitWatermarks::align() {
    const WatermarkAlignment& alignment = operator_.alignment();
    align_at_ms_ = context_.now().value() + alignment.update_interval.ms;
    context_.wakeAt(ProcessingTime(align_at_ms_));
    std::optional<EventTime> own;
    if (!out_idle_ && out_ != EventTime::min()) own = out_;
    const std::optional<EventTime> lowest = groups_->report(alignment.group, uid_, context_.subtask(), own);
    const auto ahead = [&](const Split& split) {
        if (!lowest || split.watermark <= *lowest) return false;
        // Unsigned: the distance may be longer than a signed number holds.
        const uint64_t drift =
            static_cast<uint64_t>(split.watermark.value()) - static_cast<uint64_t>(lowest->value());
        return drift > static_cast<uint64_t>(alignment.max_drift.ms);
    };
    std::set<std::string> held;
    for (const auto& [id, split] : splits_) {
        const bool hold = ahead(*split);
        if (split->held && !hold) operator_.onHeldBack(*split->state, context_);
        split->held = hold;
        if (hold) held.insert(id);
    }
    const bool all = splits_.empty() && ahead(*alone_);
    if (alone_->held && !all) operator_.onHeldBack(*alone_->state, context_);
    alone_->held = all;
    source_.hold(*this, std::move(held), all);
}

void SplitWatermarks::leave() {
    if (align_at_ms_ == INT64_MAX) return;
    align_at_ms_ = INT64_MAX;
    groups_->report(operator_.alignment().group, uid_, context_.subtask(), std::nullopt);
    source_.hold(*this, {}, false);
}

}  // namespace millrace
