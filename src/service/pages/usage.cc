// /usage: what has been metered, as JSON or CSV.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "service/page.h"

namespace millrace {

namespace {

struct Metered {
    UsageRecord record;
    double seconds = 0;  // that fall between the times asked for
};

HttpResponse asCsv(const std::vector<Metered>& all) {
    HttpResponse response;
    response.content_type = "text/csv; charset=utf-8";
    response.body = "application,arn,version,kpus,start_ms,end_ms,seconds,kpu_seconds\n";
    for (const auto& [usage, seconds] : all)
        response.body += fmt::format("{},{},{},{},{},{},{:.3f},{:.3f}\n", usage.application_name,
                                     usage.application_arn, usage.version_id, usage.kpus, usage.start_ms,
                                     usage.end_ms ? std::to_string(*usage.end_ms) : "", seconds,
                                     seconds * static_cast<double>(usage.kpus));
    return response;
}

HttpResponse asJson(const std::vector<Metered>& all) {
    nlohmann::json body{{"usage", nlohmann::json::array()}};
    double total = 0;
    for (const auto& [usage, seconds] : all) {
        const double kpu_seconds = seconds * static_cast<double>(usage.kpus);
        nlohmann::json one{{"application", usage.application_name},
                           {"arn", usage.application_arn},
                           {"version", usage.version_id},
                           {"kpus", usage.kpus},
                           {"startMs", usage.start_ms},
                           {"endMs", nullptr},
                           {"seconds", seconds},
                           {"kpuSeconds", kpu_seconds}};
        if (usage.end_ms) one["endMs"] = *usage.end_ms;
        body["usage"].push_back(std::move(one));
        total += kpu_seconds;
    }
    body["kpuSeconds"] = total;
    HttpResponse response;
    response.body = body.dump();
    return response;
}

HttpResponse handle(ServiceContext& context, const HttpRequest& request) {
    const int64_t now_ms = context.clock.now().value();
    const int64_t from_ms = integerParameter(request, "from", 0) * 1000;
    const int64_t to_ms = std::min(integerParameter(request, "to", now_ms / 1000 + 1) * 1000, now_ms);
    const std::string* const name = request.queryParameter("application");
    std::vector<Metered> all;
    for (auto& usage : context.store.listUsage(name ? *name : "", from_ms, to_ms)) {
        const int64_t begin = std::max(usage.start_ms, from_ms);
        const int64_t end = std::min(usage.end_ms.value_or(now_ms), to_ms);
        all.push_back({std::move(usage), static_cast<double>(std::max<int64_t>(end - begin, 0)) / 1000});
    }
    const std::string* const format = request.queryParameter("format");
    if (format != nullptr && *format != "csv" && *format != "json")
        throw PageError(400, fmt::format("The parameter 'format' is '{}', neither csv nor json.", *format));
    return format != nullptr && *format == "csv" ? asCsv(all) : asJson(all);
}

}  // namespace

PageDescription describePagesUsage() {
    return {
        "/usage",
        "KPU-seconds by application and version; `application`, `from` and `to` (seconds since the epoch) "
        "choose, `format=csv` exports.",
        handle};
}

}  // namespace millrace
