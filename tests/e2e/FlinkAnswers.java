// Reads every GET route that Flink's REST endpoint has, from a running cluster, with Flink's own classes.
//
//   java -cp 'pyflink/lib/*' FlinkAnswers.java <flink-dist.jar> <base url> <job id> <vertex id> <checkpoint id> <task manager id>
//
// The routes come from the jar: what a MessageHeaders class says of its URL and of the class that reads the answer.
// An answer is read as Flink's client reads it (unknown fields are an error) and written again: what was sent and
// what Flink would have sent must have the same fields with the same values, where null and absent are the same.
// One line a route: "ok <path>", "wrong <path>: <what>" or "left out <path>".
import java.lang.reflect.Constructor;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarFile;
import org.apache.flink.runtime.rest.messages.MessageHeaders;
import org.apache.flink.runtime.rest.util.RestMapperUtils;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JavaType;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;

public class FlinkAnswers {
    // Code that is uploaded, and profiles of a virtual machine: there are none here. Triggers are tested by
    // triggering something.
    private static final List<String> LEFT_OUT =
            List.of("/jars", "/jobmanager/profiler", "/taskmanagers/:taskmanagerid/profiler", "/datasets/delete");

    private static final ObjectMapper MAPPER = RestMapperUtils.getStrictObjectMapper();

    public static void main(String[] arguments) throws Exception {
        String base = arguments[1];
        Map<String, String> values = Map.of(
                ":jobid", arguments[2], ":vertexid", arguments[3], ":checkpointid", arguments[4],
                ":taskmanagerid", arguments[5], ":subtaskindex", "0", ":attempt", "0");
        HttpClient http = HttpClient.newHttpClient();
        for (Map.Entry<String, MessageHeaders<?, ?, ?>> route : routes(arguments[0]).entrySet()) {
            String template = route.getKey();
            if (template.contains(":triggerid") || LEFT_OUT.stream().anyMatch(template::startsWith)) {
                System.out.println("left out " + template);
                continue;
            }
            StringBuilder path = new StringBuilder();
            for (String part : template.substring(1).split("/")) {
                path.append('/').append(values.getOrDefault(part, part));
            }
            HttpResponse<String> answer = http.send(
                    HttpRequest.newBuilder(URI.create(base + path)).build(), HttpResponse.BodyHandlers.ofString());
            System.out.println(judge(template, route.getValue(), answer));
            String names = metricNames(answer.body());
            if (!names.isEmpty()) {
                answer = http.send(HttpRequest.newBuilder(URI.create(base + path + "?get=" + names)).build(),
                        HttpResponse.BodyHandlers.ofString());
                System.out.println(judge(template + "?get=", route.getValue(), answer));
            }
        }
    }

    private static String judge(String template, MessageHeaders<?, ?, ?> headers, HttpResponse<String> answer) {
        int wanted = headers.getResponseStatusCode().code();
        if (answer.statusCode() != wanted) {
            return "wrong " + template + ": status " + answer.statusCode() + ", not " + wanted + ": " + answer.body();
        }
        try {
            JavaType type = headers.getResponseTypeParameters().isEmpty()
                    ? MAPPER.constructType(headers.getResponseClass())
                    : MAPPER.getTypeFactory().constructParametricType(
                            headers.getResponseClass(), headers.getResponseTypeParameters().toArray(new Class<?>[0]));
            JsonNode sent = MAPPER.readTree(answer.body());
            Object read = MAPPER.readValue(answer.body(), type);
            JsonNode written = MAPPER.readTree(MAPPER.writeValueAsString(read));
            List<String> differences = new ArrayList<>();
            compare("", sent, written, differences);
            return differences.isEmpty() ? "ok " + template : "wrong " + template + ": " + differences;
        } catch (Exception e) {
            return "wrong " + template + ": " + String.valueOf(e.getMessage()).split("\n")[0];
        }
    }

    // Some of the ids in a list of metrics, for a query; "" if it is none.
    private static String metricNames(String answer) throws Exception {
        JsonNode list = MAPPER.readTree(answer);
        List<String> names = new ArrayList<>();
        for (JsonNode one : list) {
            if (list.isArray() && one.size() == 1 && one.has("id") && names.size() < 20) {
                names.add(URLEncoder.encode(one.get("id").asText(), StandardCharsets.UTF_8));
            }
        }
        return String.join(",", names);
    }

    private static void compare(String at, JsonNode sent, JsonNode written, List<String> differences) {
        if (sent.isObject() && written.isObject()) {
            TreeSet<String> names = new TreeSet<>();
            sent.fieldNames().forEachRemaining(names::add);
            written.fieldNames().forEachRemaining(names::add);
            for (String name : names) {
                compare(at + "/" + name, sent.path(name), written.path(name), differences);
            }
        } else if (sent.isArray() && written.isArray() && sent.size() == written.size()) {
            for (int i = 0; i < sent.size(); i++) {
                compare(at + "/" + i, sent.get(i), written.get(i), differences);
            }
        } else if (isNothing(sent) != isNothing(written) || !isNothing(sent) && !same(sent, written)) {
            differences.add(at + " is " + sent + ", Flink: " + written);
        }
    }

    private static boolean isNothing(JsonNode node) {
        return node.isMissingNode() || node.isNull();
    }

    private static boolean same(JsonNode a, JsonNode b) {
        return a.isNumber() && b.isNumber() ? a.asDouble() == b.asDouble() : a.equals(b);
    }

    private static Map<String, MessageHeaders<?, ?, ?>> routes(String jar) throws Exception {
        Map<String, MessageHeaders<?, ?, ?>> routes = new TreeMap<>();
        try (JarFile file = new JarFile(jar)) {
            Iterator<String> names = file.stream().map(entry -> entry.getName()).iterator();
            while (names.hasNext()) {
                String name = names.next();
                if (!name.endsWith("Headers.class") || !name.startsWith("org/apache/flink/runtime/")) {
                    continue;
                }
                Class<?> type = Class.forName(name.replace('/', '.').replace(".class", ""));
                if (!MessageHeaders.class.isAssignableFrom(type) || Modifier.isAbstract(type.getModifiers())) {
                    continue;
                }
                MessageHeaders<?, ?, ?> headers = make(type);
                if (headers != null && headers.getHttpMethod().toString().equals("GET")
                        && !headers.getTargetRestEndpointURL().endsWith("/log-url")) {  // of the history server
                    routes.put(headers.getTargetRestEndpointURL(), headers);
                }
            }
        }
        return routes;
    }

    // Most are singletons; those with parameters belong to routes of the history server or to tests.
    private static MessageHeaders<?, ?, ?> make(Class<?> type) throws Exception {
        try {
            return (MessageHeaders<?, ?, ?>) type.getMethod("getInstance").invoke(null);
        } catch (NoSuchMethodException e) {
            for (Constructor<?> constructor : type.getDeclaredConstructors()) {
                if (constructor.getParameterCount() == 0) {
                    constructor.setAccessible(true);
                    return (MessageHeaders<?, ?, ?>) constructor.newInstance();
                }
            }
            return null;
        }
    }
}
