#include "service/page.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "base/log.h"

namespace millrace {

namespace {

HttpResponse textAnswer(int status, const std::string& text) {
    HttpResponse response;
    response.status = status;
    response.content_type = "text/plain; charset=utf-8";
    response.body = text + "\n";
    return response;
}

}  // namespace

const PageDescription* findPage(const HttpRequest& request) {
    for (const auto& page : pageDescriptions())
        if (request.path == page.path || request.path.starts_with(page.path + "/")) return &page;
    return nullptr;
}

HttpResponse answerPage(const PageDescription& page, ServiceContext& context, const HttpRequest& request) {
    if (request.method != "GET" && request.method != "HEAD")
        return textAnswer(405, fmt::format("{} only answers GET.", page.path));
    try {
        return page.handle(context, request);
    } catch (const PageError& e) {
        return textAnswer(e.status(), e.what());
    } catch (const UserError& e) {
        logError("service.pages", "{} failed: {}", page.path, e.what());
        return textAnswer(500, e.what());
    }
}

Application requireApplicationOf(ServiceContext& context, const HttpRequest& request) {
    const std::string* const name = request.queryParameter("application");
    if (name == nullptr) throw PageError(400, "The parameter 'application' is missing.");
    auto application = context.store.findApplication(*name);
    if (!application) throw PageError(404, fmt::format("The application {} does not exist.", *name));
    return std::move(*application);
}

int64_t integerParameter(const HttpRequest& request, const char* name, int64_t otherwise) {
    const std::string* const text = request.queryParameter(name);
    if (text == nullptr) return otherwise;
    int64_t value = 0;
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, value);
    if (error != std::errc() || stop != end || text->empty())
        throw PageError(400, fmt::format("The parameter '{}' is '{}', not a whole number.", name, *text));
    return value;
}

}  // namespace millrace
