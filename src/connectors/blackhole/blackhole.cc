// The blackhole connector: a sink that takes everything and keeps nothing.
#include "connectors/shared/node_name.h"
#include "runtime/connector.h"

namespace millrace {
namespace {

class BlackholeWriter final : public SinkWriter {
  public:
    explicit BlackholeWriter(Counter& rows) : rows_(rows) {}
    void write(const Batch& batch) override { rows_.add(static_cast<int64_t>(batch.rows())); }

  private:
    Counter& rows_;
};

class BlackholeSink final : public Sink {
  public:
    explicit BlackholeSink(const TableSpec& spec)
        : name_(nodeName("Sink", spec.name, spec.schema)), schema_(spec.schema) {}
    std::string name() const override { return name_; }
    const Schema& inputSchema() const override { return schema_; }
    // As Flink's: what a row was before an update is not even worked out.
    ChangelogMode accepts() const override { return ChangelogMode::Upsert; }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext& context,
                                             std::vector<std::string>) const override {
        return std::make_unique<BlackholeWriter>(context.metrics().counter("numRecordsSend"));
    }

  private:
    const std::string name_;
    const Schema schema_;
};

}  // namespace

ConnectorDescriptor describeBlackhole() {
    ConnectorDescriptor connector;
    connector.name = "blackhole";
    connector.documentation =
        "A sink that takes every change and keeps nothing: for trying out and measuring queries.";
    connector.make_sink = [](const TableSpec& spec) { return std::make_shared<BlackholeSink>(spec); };
    return connector;
}

}  // namespace millrace
