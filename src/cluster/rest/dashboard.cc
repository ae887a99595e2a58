// The dashboard: a page that shows in a browser what the other routes answer. Its files are in the binary;
// they name each other, and the routes they ask, relative to the page, which works below any path.
#include <array>

#include "cluster/embedded_file.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

constexpr std::string_view kPage = "index.html";

struct ContentType {
    std::string_view ending;
    std::string_view type;
};
constexpr std::array kContentTypes = {
    ContentType{".html", "text/html; charset=utf-8"},
    ContentType{".css", "text/css; charset=utf-8"},
    ContentType{".js", "text/javascript; charset=utf-8"},
    ContentType{".svg", "image/svg+xml"},
};

HttpResponse fileAnswer(std::string_view name) {
    for (const EmbeddedFile& file : dashboardFiles()) {
        if (file.name != name) continue;
        HttpResponse response;
        for (const auto& [ending, type] : kContentTypes)
            if (name.ends_with(ending)) response.content_type = type;
        response.body = file.content;
        // Nothing comes from elsewhere, nothing is written into the page as script or style, and no other
        // page shows it in a frame.
        response.headers = {
            {"Content-Security-Policy",
             "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
            {"X-Content-Type-Options", "nosniff"},
            {"Referrer-Policy", "no-referrer"},
            {"Cache-Control", "no-store"}};
        return response;
    }
    throw RestError(404, "The dashboard has no file '" + std::string(name) + "'.");
}

}  // namespace

std::vector<RestRoute> describeRestDashboard() {
    return {{"GET", "/", [](const RestCluster&, const RestRequest&) { return fileAnswer(kPage); },
             "not Flink's: the [dashboard](dashboard.md), a page for browsers"},
            {"GET", "/dashboard/:file",
             [](const RestCluster&, const RestRequest& request) { return fileAnswer(request.parameters[0]); },
             "not Flink's: the files of that page"}};
}

}  // namespace millrace
