// The service of `millrace serve`: the API over HTTP, the metadata, the operations, and the care for running
// clusters.
#pragma once

#include <memory>
#include <string>

#include "service/configuration.h"

namespace millrace {

class Service {
  public:
    explicit Service(ServiceConfiguration configuration);
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    // Opens the data folder, goes on with what was in progress, finds running clusters again, then listens.
    // UserError says what stands in the way: another service in the folder ("service.data-dir-in-use"), an
    // address in use.
    void start();
    // Returns when stop was requested.
    void wait();
    // Makes wait() return. From any thread, and from a signal handler.
    void requestStop();
    // Answers what is under way and ends; clusters run on unless `on_exit` says otherwise. Operations that
    // are not done go on when the service starts again.
    void stop();

    std::string address() const;  // "127.0.0.1:8090"

  private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace millrace
