#include "formats/format.h"

#include "base/error.h"
#include "formats/encoder_output.h"

namespace millrace {

size_t Decoder::readFileHeader(std::string_view /*bytes*/, const RecordOrigin& /*origin*/) {
    throw InternalError("a format without a file header was asked for it");
}

void Decoder::reject(Problem problem, const char* cause, std::string_view record,
                     const RecordOrigin& at) const {
    if (rejected_ == nullptr) throw UserError(std::move(problem));
    rejected_->reject({record, cause, problem.message, at.line, at.offset});
}

void Encoder::encodeTo(const Batch& batch, EncoderOutput& out) {
    std::string bytes;
    encode(batch, bytes);
    out.append(bytes);
}

void Encoder::encodeMessages(const Batch& batch, std::string& out, Messages& messages) {
    for (size_t row = 0; row < batch.rows(); ++row) {
        const size_t begin = out.size();
        encode(batch.slice(row, row + 1), out);
        messages.emplace_back(begin, out.ends_with('\n') ? out.size() - 1 : out.size());
    }
}

const FormatDescriptor& findFormat(const std::string& name) {
    std::vector<std::string> names;
    for (const FormatDescriptor& format : formatDescriptors()) {
        if (format.name == name) return format;
        names.push_back(format.name);
    }
    std::string all;
    for (const std::string& known : names)
        all += (all.empty() ? "" : ", ") + known;
    const std::string nearest = nearestName(name, names);
    throw UserError("config.bad-value", fmt::format("there is no format '{}'", name),
                    nearest.empty() ? "formats: " + all : fmt::format("did you mean '{}'?", nearest));
}

}  // namespace millrace
