// Has the duties (duty.h) done for every application that runs, one application after the other, on a thread
// of its own.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "service/duty.h"

namespace millrace {

class Caretaker {
  public:
    explicit Caretaker(ServiceContext& context) : context_(context) {}
    ~Caretaker();  // stops
    void start();
    void stop();

  private:
    struct Remembered {
        int64_t changes = -1;
        int64_t parallelism = -1;
        std::map<std::string, std::unique_ptr<DutyMemory>> duties;
    };
    void run();
    void lookAtAll();
    void lookAt(const ClusterRecord& cluster);

    ServiceContext& context_;
    std::map<int64_t, Remembered> remembered_;  // by application
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace millrace
