// Changes that make a new version of an application: UpdateApplication, and the actions that add or remove a
// part of its configuration.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "service/run_configuration.h"
#include "service/shape.h"

namespace millrace {

// The members by which a caller says what it believes to change; of every action here.
Shape changeShape();

// What is said must be so: ConcurrentModificationException; InvalidArgumentException if nothing is.
void requireCurrentVersion(const Application& application, const nlohmann::json& input);

struct ApplicationChange {
    Application application;
    ApplicationVersion version;    // the next one: so far as the present one
    nlohmann::json configuration;  // of `version`
    // How a running application goes on.
    RunConfiguration run = {};
    std::string operation_id = {};  // once it is made
};

// Makes the change in one transaction: finds the application, checks what `input` says of it, has `edit`
// change the version (it may throw ApiError), and stores it. A running application is UPDATING from then on;
// for one that is not, the operation has succeeded with it.
ApplicationChange changeApplication(ServiceContext& context, const nlohmann::json& input,
                                    const std::function<void(ApplicationChange&)>& edit);

}  // namespace millrace
