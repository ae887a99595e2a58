#include "cluster/prometheus.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/source_file.h"
#include "cluster/metric_history.h"
#include "cluster/rest_fixture.h"

namespace millrace {
namespace {

class PrometheusTest : public RestTest {
  protected:
    PrometheusTest() {
        cluster_.identity = {"fl\"ights", "7", MetricsLevel::Application, ""};
        for (VertexDetails& vertex : job_.said.vertices) {
            OperatorDetails op{vertex.nodes[0], {}};
            for (const SubtaskDetails& subtask : vertex.subtasks)
                op.metrics.push_back(subtask.metrics);
            vertex.operators = {op};
        }
    }
    std::string text() {
        const HttpResponse response = send("GET", "/metrics");
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
        return response.body;
    }
    static constexpr const char* kCommon = R"(application="fl\"ights",application_version="7")";
    void expectLine(const std::string& name, const std::string& labels, const std::string& value) {
        const std::string line = fmt::format("{}{{{}{}}} {}\n", name, kCommon, labels, value);
        EXPECT_NE(text().find(line), std::string::npos) << line << "is not in\n" << text();
    }
};

TEST_F(PrometheusTest, TheApplicationCountsWhatComesInAndGoesOut) {
    job_.said.vertices[1].operators[0].metrics = {{{"numRecordsOut", 4}}, {{"numRecordsOut", 5}}};
    expectLine("millrace_full_restarts_total", "", "13");
    expectLine("millrace_num_records_in_total", "", "12");
    expectLine("millrace_num_records_out_total", "", "9");
    job_.said.vertices[0].operators[0].metrics[0]["numBytesIn"] = 40;
    job_.said.vertices[1].subtasks[0].metrics["numBytesIn"] = 60;  // from the source: not from outside
    expectLine("millrace_num_bytes_in_total", "", "40");
    expectLine("millrace_current_input_watermark_seconds", "", "0.042");
    EXPECT_NE(text().find("# TYPE millrace_num_records_in_total counter\n"), std::string::npos);
    EXPECT_EQ(text().find("millrace_task_"), std::string::npos);
    // What is not known is not there.
    EXPECT_EQ(text().find("last_checkpoint"), std::string::npos);
    EXPECT_EQ(text().find("millrace_current_output_watermark"), std::string::npos);
    job_.said.vertices[1].subtasks[0].metrics["currentInputWatermark"] = INT64_MIN;
    EXPECT_EQ(text().find("current_input_watermark"), std::string::npos);
}

TEST_F(PrometheusTest, SharesAreOfTheKpus) {
    EXPECT_EQ(text().find("millrace_kpus"), std::string::npos);
    const auto share = [&] {
        const std::string all = text();
        const std::string name = fmt::format("millrace_container_memory_utilization_percent{{{}}} ", kCommon);
        return std::stod(all.substr(all.find(name) + name.size()));
    };
    const double of_machine = share();
    cluster_.identity.kpus = 1;
    expectLine("millrace_kpus", "", "1");
    EXPECT_EQ(cluster_.identity.cores(), 1);
    EXPECT_LE(cluster_.identity.memoryBytes(), int64_t{4} << 30);
    EXPECT_GE(share() * 1.1, of_machine);
}

TEST_F(PrometheusTest, FinerLevelsAddSeriesOfTheirOwn) {
    cluster_.identity.metrics_level = MetricsLevel::Task;
    expectLine("millrace_task_num_records_out_total", R"(,task="Source: flights")", "12");
    EXPECT_EQ(text().find("millrace_operator_"), std::string::npos);
    cluster_.identity.metrics_level = MetricsLevel::Operator;
    expectLine("millrace_operator_num_records_out_total",
               R"(,task="Source: flights",operator="Source: NothingSource")", "12");
    EXPECT_EQ(text().find("millrace_subtask_"), std::string::npos);
    cluster_.identity.metrics_level = MetricsLevel::Parallelism;
    expectLine("millrace_subtask_num_records_out_total", R"(,task="Source: flights",subtask="1")", "5");
}

TEST_F(PrometheusTest, NoSeriesIsThereTwiceAndEachHasItsHead) {
    cluster_.identity.metrics_level = MetricsLevel::Parallelism;
    std::set<std::string> series, heads;
    std::istringstream lines(text());
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# TYPE ")) {
            EXPECT_TRUE(heads.insert(line.substr(7, line.rfind(' ') - 7)).second) << line;
        } else if (!line.starts_with("#")) {
            EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line;
            EXPECT_TRUE(heads.contains(line.substr(0, line.find('{')))) << line;
        }
    }
    EXPECT_GT(series.size(), 10U);
}

TEST_F(PrometheusTest, EveryMetricIsInTheDocumentation) {
    std::ifstream page(sourceFile("docs/flink-rest-api.md"));
    std::set<std::string> written, there;
    for (std::string line; std::getline(page, line);) {
        const bool is_metric =
            line.find("| `millrace_") != std::string::npos && line.find("_...`") == std::string::npos;
        if (is_metric) written.insert(line);
    }
    for (const auto* table : {&applicationMetrics(), &taskMetrics()}) {
        for (const PrometheusMetric& metric : *table)
            there.insert(
                fmt::format("| `{}` | `millrace_{}` | {} |", metric.aws_name, metric.name, metric.help));
    }
    EXPECT_EQ(written, there);
}

TEST(RateWindow, RatesAreOfTheLastMinute) {
    JobDetails job;
    job.vertices = {{"aa", "v", {}, {{"RUNNING", {{"numRecordsIn", 100}}}}}};
    RateWindow window;
    window.note(job, 0, 0);
    job.vertices[0].subtasks[0].metrics["numRecordsIn"] = 700;
    window.addRates(job, 10'000);
    EXPECT_EQ(job.vertices[0].subtasks[0].metrics.at("numRecordsInPerSecond"), 60);
    EXPECT_FALSE(job.vertices[0].subtasks[0].metrics.contains("numRecordsOutPerSecond"));
    EXPECT_EQ(window.busyCores(10'000, 5'000'000'000).value(), 0.5);

    for (int64_t now_ms = 10'000; now_ms <= 200'000; now_ms += 5'000)  // nothing comes any more
        window.note(job, now_ms, now_ms * 1'000'000);
    window.addRates(job, 200'000);
    EXPECT_EQ(job.vertices[0].subtasks[0].metrics.at("numRecordsInPerSecond"), 0);
    EXPECT_EQ(window.busyCores(200'000, 200'000'000'000).value(), 1);
}

TEST(RateWindow, ARestartBeginsAnew) {
    JobDetails job;
    job.vertices = {{"aa", "v", {}, {{"RUNNING", {{"numRecordsIn", 100}}}}}};
    RateWindow window;
    window.note(job, 0, 0);
    job.restarts = 1;
    job.vertices[0].subtasks[0].metrics = {{"numRecordsIn", 5}};
    window.addRates(job, 10'000);
    EXPECT_FALSE(job.vertices[0].subtasks[0].metrics.contains("numRecordsInPerSecond"));
    window.note(job, 10'000, 0);
    job.vertices[0].subtasks[0].metrics["numRecordsIn"] = 25;
    window.addRates(job, 20'000);
    EXPECT_EQ(job.vertices[0].subtasks[0].metrics.at("numRecordsInPerSecond"), 2);
}

TEST_F(RestTest, RatesComeFromTheHistory) {
    job_.said.vertices[0].subtasks[0].metrics["numRecordsOut"] = 7;
    const MetricHistory history(job_, 10);
    cluster_.history = &history;
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    EXPECT_EQ(get(jobPath("/vertices/aa/subtasks/0/metrics"), {{"get", "numRecordsOutPerSecond"}}),
              nlohmann::json::parse(R"([{"id":"numRecordsOutPerSecond","value":"0"}])"));
    EXPECT_TRUE(history.busyCores().has_value());
}

}  // namespace
}  // namespace millrace
