// /metrics: the service's own figures in Prometheus' text format. Clusters answer for themselves.
#include <fmt/format.h>

#include <map>

#include "service/code_package.h"
#include "service/health.h"
#include "service/page.h"
#include "service/request_counters.h"

namespace millrace {

namespace {

// Names and values of labels as Prometheus reads them.
std::string label(const char* name, const std::string& value) {
    std::string escaped;
    for (const char c : value) {
        if (c == '\\' || c == '"') escaped += '\\';
        if (c == '\n')
            escaped += "\\n";
        else
            escaped += c;
    }
    return fmt::format("{}=\"{}\"", name, escaped);
}

class Text {
  public:
    void metric(const char* name, const char* type, const char* help) {
        name_ = name;
        text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    }
    void value(const std::string& labels, double value) {
        text_ += fmt::format("{}{}{}{} {}\n", name_, labels.empty() ? "" : "{", labels,
                             labels.empty() ? "" : "}", value);
    }
    std::string take() { return std::move(text_); }

  private:
    const char* name_ = "";
    std::string text_;
};

std::vector<Application> allApplications(ServiceContext& context) {
    constexpr int64_t kPage = 1'000;
    std::vector<Application> all;
    for (std::string after;; after = all.back().name) {
        auto page = context.store.listApplications(after, kPage);
        const bool last = static_cast<int64_t>(page.size()) < kPage;
        for (auto& application : page)
            all.push_back(std::move(application));
        if (last || all.empty()) return all;
    }
}

void writeApplications(ServiceContext& context, Text& text) {
    const auto applications = allApplications(context);
    std::map<std::string, int64_t> by_status;
    for (const auto& application : applications)
        ++by_status[toText(application.status)];
    text.metric("millrace_applications", "gauge", "Applications by status.");
    for (const auto& [status, count] : by_status)
        text.value(label("status", status), static_cast<double>(count));

    text.metric("millrace_application_running", "gauge", "1 while the application is RUNNING, else 0.");
    for (const auto& one : applications)
        text.value(label("application", one.name), one.status == ApplicationStatus::Running);
    text.metric("millrace_application_healthy", "gauge",
                "1 if every subtask runs, checkpoints complete and watermarks advance, else 0.");
    for (const auto& one : applications)
        if (const auto health = context.health.find(one.id);
            health && one.status == ApplicationStatus::Running)
            text.value(label("application", one.name), health->good());
    text.metric("millrace_application_kpus", "gauge", "KPUs of the application's cluster.");
    for (const auto& one : applications) {
        const auto cluster = context.store.findCluster(one.id);
        const auto version = cluster ? context.store.findVersion(one.id, cluster->version_id) : std::nullopt;
        if (version)
            text.value(label("application", one.name),
                       static_cast<double>(kpusOf(*version, cluster->parallelism)));
    }
}

void writeUsage(ServiceContext& context, Text& text) {
    const int64_t now_ms = context.clock.now().value();
    std::map<std::pair<std::string, int64_t>, double> seconds;
    for (const auto& usage : context.store.listUsage("", 0, now_ms))
        seconds[{usage.application_name, usage.version_id}] +=
            static_cast<double>(usage.kpus * (usage.end_ms.value_or(now_ms) - usage.start_ms)) / 1000;
    text.metric("millrace_kpu_seconds_total", "counter", "KPU-seconds metered, by application and version.");
    for (const auto& [key, value] : seconds)
        text.value(
            label("application", key.first) + "," + label("application_version", std::to_string(key.second)),
            value);
}

void writeRequests(ServiceContext& context, Text& text) {
    const auto counts = context.requests.read();
    const auto labels = [](const auto& key) {
        return label("action", key.first) + "," + label("error", key.second);
    };
    text.metric("millrace_api_requests_total", "counter", "Requests of the API by action and error type.");
    for (const auto& [key, count] : counts)
        text.value(labels(key), static_cast<double>(count.requests));
    text.metric("millrace_api_request_seconds_total", "counter", "Time spent on them.");
    for (const auto& [key, count] : counts)
        text.value(labels(key), count.seconds);
    text.metric("millrace_operations_in_progress", "gauge", "Operations under way or waiting.");
    text.value("", static_cast<double>(context.store.operationsInProgress().size()));
}

HttpResponse handle(ServiceContext& context, const HttpRequest&) {
    Text text;
    writeApplications(context, text);
    writeUsage(context, text);
    writeRequests(context, text);
    HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = text.take();
    return response;
}

}  // namespace

PageDescription describePagesMetrics() {
    return {"/metrics", "The service's own figures for Prometheus.", handle};
}

}  // namespace millrace
