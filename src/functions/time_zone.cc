#include "functions/time_zone.h"

#include <cctz/time_zone.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "batch/time_points.h"

namespace millrace {

namespace {

constexpr int64_t kMicros = 1'000'000;
constexpr int64_t kForever = std::numeric_limits<int64_t>::max() / 4;

constexpr int64_t kRulesListedUntil = int64_t(430) * 365 * 86400 * kMicros;  // about the year 2400

using Instant = cctz::time_point<cctz::seconds>;

Instant instantOf(int64_t micros) {
    const int64_t seconds = micros >= 0 ? micros / kMicros : -((-micros + kMicros - 1) / kMicros);
    return Instant(cctz::seconds(seconds));
}

int64_t secondsOf(const Instant& instant) { return instant.time_since_epoch().count(); }

// "+08:00", "-3", "+0530", with or without GMT or UTC before; in seconds.
std::optional<int64_t> fixedOffset(std::string_view text) {
    for (const std::string_view prefix : {"GMT", "UTC"}) {
        if (text.starts_with(prefix)) {
            text.remove_prefix(3);
            if (text.empty()) return 0;
            break;
        }
    }
    if (text == "Z") return 0;
    if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
    const int64_t sign = text[0] == '-' ? -1 : 1;
    std::string digits;
    for (const char c : text.substr(1)) {
        if (c == ':') continue;
        if (c < '0' || c > '9') return std::nullopt;
        digits.push_back(c);
    }
    if (digits.empty() || digits.size() > 4) return std::nullopt;
    const size_t hour_digits = digits.size() <= 2 ? digits.size() : digits.size() - 2;
    const int64_t hours = std::stoi(digits.substr(0, hour_digits));
    const int64_t minutes = hour_digits < digits.size() ? std::stoi(digits.substr(hour_digits)) : 0;
    if (hours > 18 || minutes > 59) return std::nullopt;
    return sign * (hours * 3600 + minutes * 60);
}

}  // namespace

struct ZoneConverter::Zone {
    cctz::time_zone zone;
};

ZoneConverter::ZoneConverter(const std::string& name) : zone_(std::make_unique<Zone>()) {
    if (const auto fixed = fixedOffset(name)) {
        offset_ = *fixed * kMicros;
        begin_ = -kForever;
        end_ = kForever;
        zone_->zone = cctz::fixed_time_zone(cctz::seconds(*fixed));
        return;
    }
    if (!cctz::load_time_zone(name, &zone_->zone)) {
        throw UserError("config.bad-time-zone", fmt::format("'{}' is not a time zone", name),
                        "use an IANA name such as 'Europe/Berlin', 'UTC', or an offset such as 'GMT+08:00'");
    }
}

ZoneConverter::~ZoneConverter() = default;

void ZoneConverter::locate(int64_t instant_micros) {
    const Instant instant = instantOf(instant_micros);
    const int64_t offset = zone_->zone.lookup(instant).offset;
    offset_ = offset * kMicros;
    begin_ = -kForever;
    end_ = kForever;
    // A change is given by the civil times just before and at it; the one of this stretch's offset tells the
    // instant.
    const auto change_at = [&](const cctz::civil_second& civil) {
        return (secondsOf(cctz::convert(civil, cctz::utc_time_zone())) - offset) * kMicros;
    };
    cctz::time_zone::civil_transition change;
    if (zone_->zone.prev_transition(instant + cctz::seconds(1), &change)) begin_ = change_at(change.to);
    if (zone_->zone.next_transition(instant, &change)) {
        end_ = change_at(change.from);
    } else if (instant_micros > kRulesListedUntil) {
        // The zone's rule goes on, but its changes are no longer listed.
        begin_ = instant_micros;
        end_ = instant_micros + 1;
    }
}

int64_t ZoneConverter::resolveLocal(int64_t local_micros) {
    const Instant as_if_utc = instantOf(local_micros);
    const int64_t fraction = local_micros - secondsOf(as_if_utc) * kMicros;
    const auto civil = cctz::convert(as_if_utc, cctz::utc_time_zone());
    const auto found = zone_->zone.lookup(civil);
    const int64_t instant = secondsOf(found.pre) * kMicros + fraction;
    locate(instant);
    return instant;
}

ZoneConverter& zoneConverter(const std::string& zone) {
    thread_local std::unordered_map<std::string, std::unique_ptr<ZoneConverter>> converters;
    thread_local const std::pair<const std::string, std::unique_ptr<ZoneConverter>>* last = nullptr;
    if (last == nullptr || last->first != zone) {
        auto found = converters.find(zone);
        if (found == converters.end())
            found = converters.emplace(zone, std::make_unique<ZoneConverter>(zone)).first;
        last = &*found;
    }
    return *last->second;
}

ColumnPtr inLocalTime(const ColumnPtr& column, const std::string& zone) {
    const LogicalType& type = column->type();
    if (!type.holds(TypeKind::TimestampLtz)) return column;
    const size_t rows = column->size();
    auto result = std::make_shared<Column>(type, rows);
    if (column->validity() != nullptr) std::copy_n(column->validity(), rows, result->mutableValidity());
    if (type.kind() == TypeKind::TimestampLtz) {
        ZoneConverter& converter = zoneConverter(zone);
        dispatchTime(type, [&]<class T>() {
            for (size_t i = 0; i < rows; ++i) {
                TimePoint time = timePointIn<T>(column->isNull(i) ? T() : column->data<T>()[i]);
                time.micros = converter.toLocal(time.micros);
                result->mutableData<T>()[i] = timeTicks<T>(time);
            }
        });
        return result;
    }
    if (type.physical() == PhysicalType::List)
        std::copy_n(column->data<int32_t>(), rows + 1, result->mutableData<int32_t>());
    std::vector<ColumnPtr> children;
    for (const ColumnPtr& child : column->children())
        children.push_back(inLocalTime(child, zone));
    result->setChildren(std::move(children));
    return result;
}

}  // namespace millrace
