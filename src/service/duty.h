// What the service does by itself for applications that run: each duty stands in a file of its own below
// duties/, the build collects them, the caretaker has them done.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engines/flink_rest_client.h"
#include "service/context.h"
#include "service/service_settings.h"

namespace millrace {

// What a duty remembers of one application from one time to the next: not durable, and gone when the
// application has another version or another parallelism.
class DutyMemory {
  public:
    virtual ~DutyMemory() = default;
};

struct DutyContext {
    ServiceContext& service;
    const Application& application;  // RUNNING, with nothing under way when it was looked at
    const ApplicationVersion& version;
    const ClusterRecord& cluster;
    const ServiceSettings& settings;
    const JobDetail& job;
    FlinkRestClient& client;
    std::unique_ptr<DutyMemory>& memory;

    template <class Memory>
    Memory& remember() const {
        if (!memory) memory = std::make_unique<Memory>();
        return static_cast<Memory&>(*memory);
    }
};

struct DutyDescription {
    std::string name;
    void (*look)(DutyContext&);
};

const std::vector<DutyDescription>& dutyDescriptions();

// Begins an operation that the service itself has decided on, with the application in `status` from then on.
// False, and nothing is done, if the application is no longer as it was looked at.
bool beginChange(DutyContext& context, const std::string& kind, ApplicationStatus status,
                 int64_t parallelism);
bool beginSystemRollback(DutyContext& context, int64_t to_version);

}  // namespace millrace
