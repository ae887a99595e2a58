// A StateBackend that hands everything on to another: what wraps one overrides what it wants to see.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "state/state_backend.h"

namespace millrace {

class ForwardingStateBackend : public StateBackend {
  public:
    explicit ForwardingStateBackend(std::unique_ptr<StateBackend> inner) : inner_(std::move(inner)) {}

    KeyedTable& table(const KeyedStateDescriptor& descriptor) override { return inner_->table(descriptor); }
    KeyedLogs& logs(const std::vector<KeyedLogDescriptor>& descriptors) override {
        return inner_->logs(descriptors);
    }
    std::vector<std::string>& list(const std::string& name, Redistribution redistribution) override {
        return inner_->list(name, redistribution);
    }
    void beginCapture(CaptureMode mode) override { inner_->beginCapture(mode); }
    bool advanceCapture(size_t rows) override { return inner_->advanceCapture(rows); }
    bool capturing() const override { return inner_->capturing(); }
    OperatorSnapshot takeCapture() override { return inner_->takeCapture(); }
    bool expire(size_t rows) override { return inner_->expire(rows); }
    Duration shortestTtl() const override { return inner_->shortestTtl(); }
    void relieve() override { inner_->relieve(); }
    size_t bytes() const override { return inner_->bytes(); }
    KeyedBits& bits(const KeyedBitsDescriptor& descriptor) override { return inner_->bits(descriptor); }
    KeyedRecords& records(const KeyedRecordsDescriptor& descriptor) override {
        return inner_->records(descriptor);
    }

  private:
    const std::unique_ptr<StateBackend> inner_;
};

}  // namespace millrace
