#include "connectors/nexmark/event_fields.h"

namespace millrace {
namespace {

using Draw = NexmarkDraw;
using Timeline = NexmarkTimeline;

constexpr uint32_t kEmailUserMax = 7;
constexpr uint32_t kEmailHostMax = 5;
constexpr std::string_view kEmailEnd = ".com";
constexpr size_t kEmailMax = kEmailUserMax + 1 + kEmailHostMax + kEmailEnd.size();
constexpr size_t kCardNumbers = 4;
constexpr size_t kCardLength = kCardNumbers * 5 - 1;  // of four digits each, with blanks between

ColumnPtr makePersonId(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    auto column = std::make_shared<Column>(type, rows.rows);
    const int64_t proportion = timeline.options().proportion(NexmarkKind::Person);
    for (const EventRun& run : rows.runs) {
        auto* out = column->mutableData<int64_t>() + run.kind_row;
        for (uint32_t i = 0; i < run.rows; ++i)
            out[i] = run.epoch * proportion + run.place + i + Timeline::kFirstPersonId;
    }
    return column;
}

const std::string& chosen(const Timeline& timeline, const std::vector<std::string>& from, Draw stream,
                          int64_t id) {
    return from[static_cast<size_t>(
        scaledBelow(timeline.draw(stream, id), static_cast<int64_t>(from.size())))];
}
const std::string& nameOf(const Timeline& timeline, int64_t id) {
    return chosen(timeline, nexmarkText().names, Draw::PersonName, id);
}
const std::string& cityOf(const Timeline& timeline, int64_t id) {
    return chosen(timeline, nexmarkText().cities, Draw::PersonCity, id);
}
const std::string& stateOf(const Timeline& timeline, int64_t id) {
    return chosen(timeline, nexmarkText().states, Draw::PersonState, id);
}
std::string_view emailUser(const Timeline& timeline, int64_t id) {
    return nexmarkText().word(timeline.draw(Draw::PersonEmailUser, id), kEmailUserMax);
}
std::string_view emailHost(const Timeline& timeline, int64_t id) {
    return nexmarkText().word(timeline.draw(Draw::PersonEmailHost, id), kEmailHostMax);
}

// A column of texts that live as long as the process.
template <class Of>
ColumnPtr makeViews(const Timeline& timeline, const KindRows& rows, const LogicalType& type, Of of) {
    auto column = std::make_shared<Column>(type, rows.rows);
    for (const EventRun& run : rows.runs) {
        auto* out = column->mutableData<StringView>() + run.kind_row;
        for (uint32_t i = 0; i < run.rows; ++i)
            out[i] = StringView(of(timeline, run.first_id + i));
    }
    return column;
}

ColumnPtr makeName(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    return makeViews(timeline, rows, type, nameOf);
}
ColumnPtr makeCity(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    return makeViews(timeline, rows, type, cityOf);
}
ColumnPtr makeState(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    return makeViews(timeline, rows, type, stateOf);
}

// A column of texts of at most `length_max` characters, each appended by `append(id, buffer)`.
template <class Append>
ColumnPtr makeAppendedTexts(const KindRows& rows, const LogicalType& type, size_t length_max, Append append) {
    auto column = std::make_shared<Column>(type, rows.rows);
    TextBuffer texts(rows.rows * length_max);
    for (const EventRun& run : rows.runs) {
        auto* out = column->mutableData<StringView>() + run.kind_row;
        for (uint32_t i = 0; i < run.rows; ++i)
            out[i] = append(run.first_id + i, texts);
    }
    texts.keepWith(*column);
    return column;
}

ColumnPtr makeEmailAddress(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    return makeAppendedTexts(rows, type, kEmailMax, [&](int64_t id, TextBuffer& texts) {
        const std::string_view user = emailUser(timeline, id);
        const std::string_view host = emailHost(timeline, id);
        const size_t length = user.size() + 1 + host.size() + kEmailEnd.size();
        char* const to = texts.reserve(length);
        char* at = to;
        std::memcpy(at, user.data(), user.size());
        at += user.size();
        *at++ = '@';
        std::memcpy(at, host.data(), host.size());
        at += host.size();
        kEmailEnd.copy(at, kEmailEnd.size());
        return StringView({to, length});
    });
}

ColumnPtr makeCreditCard(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    const char* const numbers = nexmarkText().numbers.data();
    return makeAppendedTexts(rows, type, kCardLength, [&](int64_t id, TextBuffer& texts) {
        const uint64_t random = timeline.draw(Draw::PersonCreditCard, id);
        char* const to = texts.reserve(kCardLength);
        for (size_t i = 0; i < kCardNumbers; ++i) {
            // 16 random bits each: the numbers' frequencies differ by 1 in 6.
            const uint64_t number = (random >> (16 * i) & 0xFFFF) * 10'000 >> 16;
            std::memcpy(to + 5 * i, numbers + 4 * number, 4);
            if (i + 1 < kCardNumbers) to[5 * i + 4] = ' ';
        }
        return StringView({to, kCardLength});
    });
}

ColumnPtr makePersonExtra(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    constexpr int64_t kId = 8;
    const int64_t average = timeline.options().size(NexmarkKind::Person);
    return makeAppendedTexts(rows, type, ExtraLength(kId, average).max(), [&](int64_t id, TextBuffer& texts) {
        const size_t email = emailUser(timeline, id).size() + emailHost(timeline, id).size() + 5;
        const size_t used = nameOf(timeline, id).size() + email + kCardLength + cityOf(timeline, id).size() +
                            stateOf(timeline, id).size();
        const uint64_t random = timeline.draw(Draw::PersonExtra, id);
        const ExtraLength length(kId + static_cast<int64_t>(used), average);
        return texts.copy(extraPlace(nexmarkText().extra.data(), random), length.of(random));
    });
}

}  // namespace

std::span<const NexmarkField> personFields() {
    static const std::array<NexmarkField, 8> fields{{
        {"id", nullptr, LogicalType::bigint(), makePersonId},
        {"name", nullptr, LogicalType::string(), makeName},
        {"emailAddress", nullptr, LogicalType::string(), makeEmailAddress},
        {"creditCard", nullptr, LogicalType::string(), makeCreditCard},
        {"city", nullptr, LogicalType::string(), makeCity},
        {"state", nullptr, LogicalType::string(), makeState},
        {"dateTime", "customTime", LogicalType::timestamp(3), makeEventTime},
        {"extra", nullptr, LogicalType::string(), makePersonExtra},
    }};
    return fields;
}

}  // namespace millrace
