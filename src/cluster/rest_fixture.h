// For the tests of src/cluster/rest: a cluster whose job says what a test tells it to.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cluster/rest/rest.h"
#include "cluster/scripted_job.h"

namespace millrace {

class RestTest : public ::testing::Test {
  protected:
    RestTest() { job_.said = runningJob(graph_); }

    HttpResponse send(const std::string& method, const std::string& path, const std::string& body = "",
                      std::vector<std::pair<std::string, std::string>> query = {}) {
        HttpRequest request;
        request.method = method;
        request.path = path;
        request.query = std::move(query);
        request.body = body;
        return answerRest(cluster_, request);
    }
    nlohmann::json get(const std::string& path, std::vector<std::pair<std::string, std::string>> query = {}) {
        const HttpResponse response = send("GET", path, "", std::move(query));
        EXPECT_EQ(response.status, 200) << path << ": " << response.body;
        return nlohmann::json::parse(response.body);
    }
    std::string jobPath(const std::string& rest = "") { return "/jobs/" + kJobId + rest; }

    JobGraph graph_;
    ScriptedJob job_;
    RestCluster cluster_{job_, graph_, 10, "tm-1", 500};
};

}  // namespace millrace
