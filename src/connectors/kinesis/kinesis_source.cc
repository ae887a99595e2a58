#include "connectors/kinesis/kinesis_source.h"

#include "connectors/kinesis/kinesis_enumerator.h"
#include "connectors/kinesis/kinesis_reader.h"
#include "connectors/shared/node_name.h"
#include "runtime/dead_letters.h"

namespace millrace {
namespace {

class KinesisSource final : public Source, public DescribedSource {
  public:
    KinesisSource(const TableSpec& spec, const MakeKinesisClient& make_client)
        : options_(KinesisOptions::from(spec)),
          schema_(spec.schema),
          projection_(spec.projection),
          output_(spec.projectedSchema()),
          dead_letters_(findDeadLetterColumns(spec.options)),
          client_(make_client(options_)) {
        decoder();  // it says now what is wrong with the format's options
    }

    std::string name() const override { return nodeName("TableSourceScan", options_.table, output_); }
    const Schema& outputSchema() const override { return output_; }
    Boundedness boundedness() const override { return Boundedness::Unbounded; }
    std::unique_ptr<SplitEnumerator> createEnumerator(
        const std::optional<std::string>& restored) const override {
        return std::make_unique<KinesisEnumerator>(options_, client_, restored);
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        const auto make_fetcher = [this](uint64_t seed) {
            return options_.fan_out ? makeFanOutFetcher(options_, client_, seed)
                                    : makePollingFetcher(options_, client_, seed);
        };
        return std::make_unique<KinesisReader>(options_, output_, decoder(), dead_letters_, make_fetcher,
                                               context);
    }
    bool readsChanges() const override { return findFormat(options_.format).changelog; }
    bool keepsDeadLetters() const override { return true; }

  private:
    std::unique_ptr<Decoder> decoder() const {
        return findFormat(options_.format).make_decoder(schema_, projection_, options_.format_options);
    }

    const KinesisOptions options_;
    const Schema schema_;
    const std::vector<ColumnPath> projection_;
    const Schema output_;
    const std::optional<Schema> dead_letters_;
    const std::shared_ptr<const KinesisClient> client_;
};

}  // namespace

std::shared_ptr<const Source> makeKinesisSource(const TableSpec& spec, const MakeKinesisClient& make_client) {
    return std::make_shared<KinesisSource>(spec, make_client);
}

}  // namespace millrace
