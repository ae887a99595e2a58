// The exactly-once file sink (docs/formats/files.md).
//
// A writer's file is hidden until it is committed: it is written as
//   .part-<attempt>-<subtask>-<n>.inprogress.<job id>
// and the committer renames it to
//   part-<attempt>-<subtask>-<n>
// in the same folder, once the checkpoint that names it is complete. Every barrier ends the open files. A
// file whose checkpoint never completed is an orphan; the next start of the job removes it. When a partition
// is complete, and what then happens, is said in connectors/filesystem/partition_commit.h; how a table is
// overwritten, in connectors/filesystem/overwrite.h.
#include <fmt/format.h>

#include <map>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "connectors/filesystem/file_committable.h"
#include "connectors/filesystem/file_output.h"
#include "connectors/filesystem/filesystem_options.h"
#include "connectors/filesystem/overwrite.h"
#include "connectors/filesystem/partition_commit.h"
#include "connectors/shared/node_name.h"
#include "formats/format.h"

namespace millrace {
namespace {

constexpr size_t kBlockBytes = 1 << 20;       // written at once
constexpr size_t kSmallBlockBytes = 1 << 18;  // of one of many files
constexpr size_t kLargeBlocksMax = 16;        // open files with blocks of the larger kind
constexpr size_t kOpenFilesMax = 128;  // of one writer: a table partitioned finely rolls its files early

std::string hiddenSuffix(const std::string& job_id) { return ".inprogress." + job_id; }

class FileWriter final : public SinkWriter {
  public:
    FileWriter(const FilesystemOptions& options, const TableSpec& spec, SinkWriterContext& context,
               const std::vector<std::string>& restored)
        : options_(options),
          context_(context),
          encoder_(findFormat(options.format).make_encoder(fileSchema(spec), spec.options)),
          bytes_out_(context.metrics().counter("numBytesOut")),
          overwrites_(spec.overwrite.has_value()) {
        for (size_t i = 0; i < spec.schema.size(); ++i) {
            bool key = false;
            for (const std::string& name : spec.partition_keys)
                key = key || name == spec.schema[i].name;
            if (!key) file_columns_.push_back(i);
        }
        for (const std::string& name : spec.partition_keys) {
            partition_columns_.push_back({name, static_cast<size_t>(spec.schema.find(name))});
        }
        std::vector<std::string> partitions;
        for (const std::string& item : restored)
            (overwrites_ && FileCommittable::is(item) ? closed_ : partitions).push_back(item);
        if (options_.partition_commit.enabled) {
            pending_.emplace(options_.partition_commit, spec.partition_keys, context.subtask().value(),
                             context.parallelism(), partitions);
        }
        FileSystem& files = *context_.environment().files;
        if (files.exists(options_.path) && !files.status(options_.path).is_folder) {
            throw UserError(
                "io.exists",
                fmt::format("table '{}': 'path' must be a folder to be written to, and '{}' is a file",
                            options_.table, options_.path));
        }
    }

    void write(const Batch& batch) override {
        if (partition_columns_.empty()) {
            append(options_.path, batch);
            return;
        }
        std::vector<ColumnPtr> columns;
        for (const size_t index : file_columns_)
            columns.push_back(batch.column(index));
        const Batch rows = batch.withColumns(std::move(columns));
        findRuns(batch);
        if (runs_.size() == 1) {  // as nearly always
            append(folderOf(batch, 0), rows);
            return;
        }
        // Rows by partition, in the order in which they came.
        std::map<std::string, Selection> by_folder;
        for (size_t run = 0; run < runs_.size(); ++run) {
            Selection& selection = by_folder[folderOf(batch, runs_[run])];
            const size_t end = run + 1 < runs_.size() ? runs_[run + 1] : batch.rows();
            for (size_t row = runs_[run]; row < end; ++row)
                selection.push_back(static_cast<uint32_t>(row));
        }
        for (const auto& [folder, chosen] : by_folder)
            append(folder, by_folder.size() == 1 ? rows : rows.gather(chosen));
    }

    void onWatermark(EventTime watermark) override {
        if (pending_) pending_->onWatermark(watermark.value());
    }

    std::vector<std::string> prepareCommit() override {
        while (!open_.empty())
            close(open_.begin());
        FileSystem& files = *context_.environment().files;
        for (const std::string& folder : touched_)
            files.syncFolder(folder);
        touched_.clear();
        if (overwrites_) return everything();
        if (pending_) closed_.push_back(pending_->word(files, context_.now().value()));
        return std::exchange(closed_, {});
    }

    std::vector<std::string> snapshot() override {
        std::vector<std::string> items = pending_ ? pending_->snapshot() : std::vector<std::string>{};
        if (overwrites_) items.insert(items.end(), closed_.begin(), closed_.end());
        return items;
    }

    void onEndOfInput() override { ended_ = true; }

  private:
    struct OpenFile {
        std::unique_ptr<FileOutput> output;
        FileCommittable committable;
        int64_t opened_ms = 0;
    };
    using OpenFiles = std::map<std::string, OpenFile>;  // by folder

    // All files there are, in every checkpoint, and at the end the word that there are no more.
    std::vector<std::string> everything() {
        std::vector<std::string> items = closed_;
        if (!ended_) return items;
        FileSystem& files = *context_.environment().files;
        OverwriteWord word{context_.subtask().value(), context_.parallelism(), ""};
        if (word.subtask == 0) {
            if (token_.empty()) {
                token_ = joinPath(options_.path, overwriteTokenName(context_.attemptId(), next_file_++,
                                                                    hiddenSuffix(context_.jobId())));
                files.createFolders(options_.path);
                files.create(token_)->sync();
                files.syncFolder(options_.path);
            }
            word.token = token_;
        }
        items.push_back(word.encode());
        if (pending_) items.push_back(pending_->word(files, context_.now().value()));
        return items;
    }

    // Where neighbours stop being of one partition: the first row of each run, which is row 0 for the first.
    void findRuns(const Batch& batch) {
        differs_.assign(batch.rows(), 0);
        for (const auto& [name, index] : partition_columns_) {
            const Column& column = *batch.column(index);
            dispatchPhysical(column.physical(), [&]<class T>() {
                const T* const values = column.data<T>();
                for (size_t row = 1; row < batch.rows(); ++row)
                    differs_[row] |= values[row] == values[row - 1] ? 0 : 1;
            });
            const uint8_t* const valid = column.validity();
            for (size_t row = 1; valid && row < batch.rows(); ++row)
                differs_[row] |= valid[row] ^ valid[row - 1];
        }
        runs_.clear();
        for (size_t row = 0; row < batch.rows(); ++row) {
            if (row == 0 || differs_[row] != 0) runs_.push_back(static_cast<uint32_t>(row));
        }
    }

    // The folder of a row's partition, which is noted as one that has rows to be committed.
    std::string folderOf(const Batch& batch, size_t row) {
        const std::vector<std::string> values = partitionValues(batch, row);
        std::string folder = partitionFolder(values);
        if (pending_) pending_->add(folder, values, context_.now().value());
        return folder;
    }

    std::vector<std::string> partitionValues(const Batch& batch, size_t row) const {
        std::vector<std::string> values;
        for (const auto& [name, index] : partition_columns_) {
            const Column& column = *batch.column(index);
            std::string value = column.isNull(row) ? "" : column.textAt(row);
            if (value.empty()) value = options_.default_partition;
            values.push_back(std::move(value));
        }
        return values;
    }

    std::string partitionFolder(const std::vector<std::string>& values) const {
        std::string folder = options_.path;
        for (size_t i = 0; i < values.size(); ++i) {
            folder = joinPath(folder,
                              escapePathName(partition_columns_[i].first) + "=" + escapePathName(values[i]));
        }
        return folder;
    }

    void append(const std::string& folder, const Batch& batch) {
        auto at = open_.find(folder);
        if (at != open_.end() &&
            context_.now().value() - at->second.opened_ms >= options_.rollover_interval.ms) {
            close(at);
            at = open_.end();
        }
        if (at == open_.end()) {
            if (open_.size() >= kOpenFilesMax) close(oldest());
            at = open_.emplace(folder, create(folder)).first;
        }
        OpenFile& open = at->second;
        encoder_->encodeTo(batch, *open.output);
        count(open);
        if (static_cast<int64_t>(open.output->size()) >= options_.roll_bytes) close(at);
    }

    OpenFile create(const std::string& folder) {
        FileSystem& files = *context_.environment().files;
        for (std::string missing = folder; !files.exists(missing); missing = parentFolder(missing)) {
            touched_.insert(parentFolder(missing));
        }
        files.createFolders(folder);
        OpenFile open;
        open.opened_ms = context_.now().value();
        // Another sink of the same job may write to the same folder, on this very thread.
        do {
            open.committable.name =
                fmt::format("part-{}-{}-{}", context_.attemptId(), context_.subtask().value(), next_file_++);
            open.committable.hidden = "." + open.committable.name + hiddenSuffix(context_.jobId());
        } while (files.exists(joinPath(folder, open.committable.hidden)) ||
                 files.exists(joinPath(folder, open.committable.name)));
        open.committable.folder = folder;
        open.output =
            std::make_unique<FileOutput>(files.createUncached(joinPath(folder, open.committable.hidden)),
                                         open_.size() < kLargeBlocksMax ? kBlockBytes : kSmallBlockBytes);
        std::string header;
        encoder_->header(header);
        open.output->append(header);
        return open;
    }

    OpenFiles::iterator oldest() {
        auto found = open_.begin();
        for (auto at = open_.begin(); at != open_.end(); ++at) {
            if (at->second.opened_ms < found->second.opened_ms) found = at;
        }
        return found;
    }

    void count(OpenFile& open) {
        bytes_out_.add(static_cast<int64_t>(open.output->written() - open.committable.bytes));
        open.committable.bytes = open.output->written();
    }

    void close(OpenFiles::iterator at) {
        OpenFile& open = at->second;
        open.output->sync();
        count(open);
        touched_.insert(at->first);
        closed_.push_back(open.committable.encode());
        open_.erase(at);
    }

    const FilesystemOptions& options_;
    SinkWriterContext& context_;
    std::unique_ptr<Encoder> encoder_;
    Counter& bytes_out_;
    std::vector<size_t> file_columns_;
    std::vector<std::pair<std::string, size_t>> partition_columns_;
    std::vector<uint8_t> differs_;  // scratch: whether a row is of another partition than the one before
    Selection runs_;
    OpenFiles open_;
    std::vector<std::string> closed_;  // committables since the last checkpoint
    std::set<std::string> touched_;    // folders whose entries are to be synced
    uint64_t next_file_ = 0;
    std::optional<PendingPartitions> pending_;
    const bool overwrites_;  // then closed_ are all since the job began
    bool ended_ = false;
    std::string token_;  // once ended: of the first subtask
};

class FileCommitter final : public Committer {
  public:
    FileCommitter(const FilesystemOptions& options, const TableSpec& spec, const Environment& environment)
        : options_(options), spec_(spec), files_(*environment.files) {
        finishOverwrites(options_.path, files_);
    }

    void commit(const std::vector<std::string>& committables) override {
        std::vector<FileCommittable> written;
        std::set<std::string> seen;  // an overwriting writer names its files each time
        std::vector<PartitionWord> words;
        std::vector<OverwriteWord> ends;
        for (const std::string& text : committables) {
            if (!seen.insert(text).second) continue;
            if (PartitionWord::is(text)) {
                words.push_back(PartitionWord::decode(text));
            } else if (OverwriteWord::is(text)) {
                ends.push_back(OverwriteWord::decode(text));
            } else {
                written.push_back(FileCommittable::decode(text));
            }
        }
        if (spec_.overwrite) {
            if (!overwrite(written, ends)) return;
        } else {
            std::set<std::string> folders;
            for (const FileCommittable& file : written) {
                if (makeVisible(file, files_)) folders.insert(file.folder);
            }
            for (const std::string& folder : folders)
                files_.syncFolder(folder);
        }
        commitPartitions(options_.partition_commit, words, files_);
    }

    void cleanUp(const std::string& job_id) override {
        if (files_.exists(options_.path)) cleanUp(options_.path, hiddenSuffix(job_id));
    }

  private:
    // False if the job has not ended: the files stay hidden, and are not to be taken for orphans.
    bool overwrite(const std::vector<FileCommittable>& written, const std::vector<OverwriteWord>& ends) {
        held_back_.clear();
        std::set<uint32_t> subtasks;
        std::string token;
        for (const OverwriteWord& word : ends) {
            subtasks.insert(word.subtask);
            if (!word.token.empty()) token = word.token;
        }
        if (ends.empty() || subtasks.size() < ends.front().parallelism) {
            for (const FileCommittable& file : written)
                held_back_.insert(file.hiddenPath());
            return false;
        }
        overwriteFiles(written, token, overwrittenFolder(options_, spec_), files_);
        return true;
    }

    void cleanUp(const std::string& folder, const std::string& suffix) {
        for (const FileStatus& entry : files_.list(folder)) {
            const std::string path = joinPath(folder, entry.name);
            if (entry.is_folder) {
                if (!spec_.partition_keys.empty() && entry.name.find('=') != std::string::npos)
                    cleanUp(path, suffix);
            } else if (entry.name.starts_with(".part-") && entry.name.ends_with(suffix) &&
                       held_back_.count(path) == 0) {
                files_.remove(path);
            }
        }
    }

    const FilesystemOptions options_;
    const TableSpec spec_;
    FileSystem& files_;
    std::set<std::string> held_back_;  // hidden files of a job that has yet to overwrite with them
};

class FilesystemSink final : public Sink {
  public:
    explicit FilesystemSink(const TableSpec& spec) : options_(FilesystemOptions::from(spec)), spec_(spec) {
        findFormat(options_.format).make_encoder(fileSchema(spec), spec.options);  // says now what is wrong
    }

    std::string name() const override { return nodeName("Sink", options_.table, spec_.schema); }
    const Schema& inputSchema() const override { return spec_.schema; }
    ChangelogMode accepts() const override {
        return findFormat(options_.format).changelog ? ChangelogMode::All : ChangelogMode::InsertOnly;
    }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext& context,
                                             std::vector<std::string> restored) const override {
        return std::make_unique<FileWriter>(options_, spec_, context, restored);
    }
    std::unique_ptr<Committer> createCommitter(const Environment& environment) const override {
        return std::make_unique<FileCommitter>(options_, spec_, environment);
    }

  private:
    const FilesystemOptions options_;
    const TableSpec spec_;
};

}  // namespace

std::shared_ptr<const Sink> makeFilesystemSink(const TableSpec& spec) {
    return std::make_shared<FilesystemSink>(spec);
}

}  // namespace millrace
