// Bases of sources and readers that change a little of another one: whatever they do not override is the
// other's.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/source.h"

namespace millrace {

class ForwardingReader : public SourceReader {
  public:
    explicit ForwardingReader(std::unique_ptr<SourceReader> reader) : reader_(std::move(reader)) {}

    void addSplits(std::vector<SourceSplit> splits) override { reader_->addSplits(std::move(splits)); }
    void noMoreSplits() override { reader_->noMoreSplits(); }
    ReadStatus poll(Output& output) override { return reader_->poll(output); }
    std::vector<SourceSplit> snapshot() const override { return reader_->snapshot(); }
    bool tellsSplits() const override { return reader_->tellsSplits(); }
    bool pauseSplits(const std::set<std::string>& ids) override { return reader_->pauseSplits(ids); }
    std::string progress() const override { return reader_->progress(); }
    void onCheckpointComplete(const std::string& progress) override {
        reader_->onCheckpointComplete(progress);
    }

  private:
    const std::unique_ptr<SourceReader> reader_;
};

class ForwardingSource : public Source {
  public:
    explicit ForwardingSource(std::shared_ptr<const Source> source) : source_(std::move(source)) {}

    const std::shared_ptr<const Source>& source() const { return source_; }

    std::string name() const override { return source_->name(); }
    const Schema& outputSchema() const override { return source_->outputSchema(); }
    Boundedness boundedness() const override { return source_->boundedness(); }
    std::unique_ptr<SplitEnumerator> createEnumerator(
        const std::optional<std::string>& restored) const override {
        return source_->createEnumerator(restored);
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        return source_->createReader(context);
    }

  private:
    const std::shared_ptr<const Source> source_;
};

}  // namespace millrace
