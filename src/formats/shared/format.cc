#include "formats/format.h"

#include "base/error.h"

namespace millrace {

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
