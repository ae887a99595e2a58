#include "cli/collect_sink.h"

#include <mutex>

namespace millrace::cli {

namespace {

struct Receiver {
    std::mutex mutex;
    std::function<void(const Batch&)> receive;
};

class CollectWriter final : public SinkWriter {
  public:
    explicit CollectWriter(std::shared_ptr<Receiver> receiver) : receiver_(std::move(receiver)) {}

    void write(const Batch& batch) override {
        const std::lock_guard lock(receiver_->mutex);
        receiver_->receive(batch);
    }

  private:
    std::shared_ptr<Receiver> receiver_;
};

class CollectSink final : public Sink {
  public:
    CollectSink(Schema schema, std::function<void(const Batch&)> receive)
        : schema_(std::move(schema)), receiver_(std::make_shared<Receiver>()) {
        receiver_->receive = std::move(receive);
    }

    std::string name() const override {
        std::string fields;
        for (const Field& field : schema_)
            fields += (fields.empty() ? "" : ", ") + field.name;
        return "Sink(table=[SELECT], fields=[" + fields + "])";
    }
    const Schema& inputSchema() const override { return schema_; }
    ChangelogMode accepts() const override { return ChangelogMode::All; }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext&, std::vector<std::string>) const override {
        return std::make_unique<CollectWriter>(receiver_);
    }

  private:
    Schema schema_;
    std::shared_ptr<Receiver> receiver_;
};

}  // namespace

std::shared_ptr<const Sink> makeCollectSink(const Schema& schema, std::function<void(const Batch&)> receive) {
    return std::make_shared<CollectSink>(schema, std::move(receive));
}

}  // namespace millrace::cli
