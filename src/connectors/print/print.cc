// The print connector: every change as a line on standard output or standard error.
#include <fmt/format.h>

#include <cstdio>

#include "connectors/print/row_text.h"
#include "connectors/shared/node_name.h"
#include "runtime/connector.h"

namespace millrace {
namespace {

class PrintWriter final : public SinkWriter {
  public:
    PrintWriter(const Schema& schema, std::string prefix, std::FILE* file)
        : schema_(schema), prefix_(std::move(prefix)), file_(file) {}

    void write(const Batch& batch) override {
        text_.clear();
        for (size_t row = 0; row < batch.rows(); ++row) {
            text_ += prefix_;
            appendRowText(batch, row, schema_, text_);
            text_ += '\n';
        }
        std::fwrite(text_.data(), 1, text_.size(), file_);  // in one call: subtasks do not mix within a line
        std::fflush(file_);
    }

  private:
    const Schema& schema_;
    const std::string prefix_;
    std::FILE* const file_;
    std::string text_;
};

class PrintSink final : public Sink {
  public:
    explicit PrintSink(const TableSpec& spec)
        : name_(nodeName("Sink", spec.name, spec.schema)), schema_(spec.schema) {
        const auto identifier = spec.options.find("print-identifier");
        if (identifier != spec.options.end()) identifier_ = identifier->second;
        const auto error = spec.options.find("standard-error");
        if (error != spec.options.end())
            standard_error_ = parseConfigValue<bool>("standard-error", error->second);
    }
    std::string name() const override { return name_; }
    const Schema& inputSchema() const override { return schema_; }
    ChangelogMode accepts() const override { return ChangelogMode::All; }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext& context,
                                             std::vector<std::string>) const override {
        // Flink's: "identifier:subtask> ", subtasks counted from 1 and shown where there are several.
        std::string prefix = identifier_;
        if (context.parallelism() > 1) {
            prefix += fmt::format("{}{}", prefix.empty() ? "" : ":", context.subtask().value() + 1);
        }
        if (!prefix.empty()) prefix += "> ";
        return std::make_unique<PrintWriter>(schema_, prefix, standard_error_ ? stderr : stdout);
    }

  private:
    const std::string name_;
    const Schema schema_;
    std::string identifier_;
    bool standard_error_ = false;
};

}  // namespace

ConnectorDescriptor describePrint() {
    ConnectorDescriptor connector;
    connector.name = "print";
    connector.documentation =
        "Writes every change as a line such as +I[1, hello] to standard output (of the application's cluster "
        "process).";
    connector.options = {
        {"print-identifier", "string", "", "A text in front of every line."},
        {"standard-error", "boolean", "false", "Write to standard error."},
    };
    connector.make_sink = [](const TableSpec& spec) { return std::make_shared<PrintSink>(spec); };
    return connector;
}

}  // namespace millrace
