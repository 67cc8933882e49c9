<?php
// Puts jobs into iven-worker in the three ways there are, and waits until each is done.
//
// IVEN_URL      the running service, such as http://127.0.0.1:8787
// IVEN_KEY      a key with the scope `enqueue`, where the service has keys
// IVEN_WORKER   the program `iven-worker`
// MONGODB_URL   the database that the service uses, with its name
declare(strict_types=1);

use MongoDB\BSON\ObjectId;
use MongoDB\Driver\{BulkWrite, Command, Manager, Query};
use MongoDB\Driver\Exception\{BulkWriteException, ServerException};

// What `args` of each kind are says jobs/types/job.schema.json.
const KIND = 'sweep';

/** A setting of this program. */
function setting(string $name, string $default): string
{
    return getenv($name) ?: $default;
}

/** A key that nobody else has. */
function fresh(): string
{
    return 'sweep of ' . bin2hex(random_bytes(16));
}

/** Ends the program unless what is said of it is true. */
function must(bool $holds, string $what): void
{
    if (!$holds) {
        throw new RuntimeException("it is not true that $what");
    }
}

/** Asks the service; its status and JSON. */
function ask(string $method, string $path, ?string $body = null, array $headers = []): array
{
    if (($key = setting('IVEN_KEY', '')) !== '') {
        $headers[] = "Authorization: Bearer $key";
    }
    $http = ['method' => $method, 'header' => $headers, 'ignore_errors' => true];
    if ($body !== null) {
        $http['content'] = $body;
        $http['header'][] = 'Content-Type: application/json';
    }
    $url = setting('IVEN_URL', 'http://127.0.0.1:8787') . $path;
    $answer = file_get_contents($url, false, stream_context_create(['http' => $http]));
    must($answer !== false, "$url answers");
    preg_match('/ (\d{3})/', $http_response_header[0], $status);
    return [(int) $status[1], json_decode($answer, true, 512, JSON_THROW_ON_ERROR)];
}

/** Waits until the job is done. */
function done(string $id, string $way): void
{
    for ($looks = 0; $looks < 600; $looks++) {
        [, $job] = ask('GET', "/v1/jobs/$id");
        if ($job['state'] === 'done') {
            echo "$way: $id done\n";
            return;
        }
        $open = in_array($job['state'], ['new', 'scheduled', 'ready', 'running'], true);
        must($open, "$id is open: " . json_encode($job));
        usleep(100_000);
    }
    throw new RuntimeException("$way: $id is not done within a minute");
}

/** Over HTTP. Sent again, because the answer was lost, it is the same job. */
function over_http(): void
{
    $wish = ['kind' => KIND, 'args' => new stdClass(), 'uniqueKey' => fresh()];
    $send = json_encode($wish, JSON_THROW_ON_ERROR);
    $key = ['Idempotency-Key: ' . bin2hex(random_bytes(16))];
    [$first, $job] = ask('POST', '/v1/jobs', $send, $key);
    [$again, $same] = ask('POST', '/v1/jobs', $send, $key);
    must([$first, $again] === [201, 200], "the second one is no new job: $first, $again");
    must($job['_id'] === $same['_id'], 'both are the same job');
    done($job['_id'], 'http');
}

/** Writes an order and its job in one transaction: both are there, or neither. */
function order(Manager $mongo, string $database, bool $is_paid): ObjectId
{
    $session = $mongo->startSession();
    $session->startTransaction();
    $orders = new BulkWrite();
    $orders->insert(['isPaid' => $is_paid]);
    $mongo->executeBulkWrite("$database.example_orders", $orders, ['session' => $session]);
    $jobs = new BulkWrite();
    // Whole, as the queue keeps it.
    $key = KIND . ':' . fresh();
    $wish = ['kind' => KIND, 'args' => new stdClass(), 'uniqueKey' => $key, 'state' => 'new'];
    $id = $jobs->insert($wish);
    $mongo->executeBulkWrite("$database.jobs", $jobs, ['session' => $session]);
    if ($is_paid) {
        $session->commitTransaction();
    } else {
        $session->abortTransaction();
    }
    return $id;
}

/** How many documents of a collection are like this. */
function count_of(Manager $mongo, string $of, array $filter): int
{
    return count($mongo->executeQuery($of, new Query($filter))->toArray());
}

/** As a plain document, in a transaction of our own. */
function as_document(): void
{
    $url = setting('MONGODB_URL', 'mongodb://127.0.0.1:27017/iven');
    $database = trim(parse_url($url, PHP_URL_PATH), '/');
    $mongo = new Manager($url);
    try {
        $mongo->executeCommand($database, new Command(['create' => 'example_orders']));
    } catch (ServerException $error) {
        must($error->getCode() === 48, "the collection is there already: {$error->getMessage()}");
    }
    $unpaid = order($mongo, $database, false);
    must(count_of($mongo, "$database.jobs", ['_id' => $unpaid]) === 0, 'no order, no job');
    must(count_of($mongo, "$database.example_orders", ['isPaid' => false]) === 0, 'nothing stays');
    done((string) order($mongo, $database, true), 'document');

    // The server itself refuses what is no job.
    $malformed = new BulkWrite();
    $malformed->insert(['kind' => 7, 'state' => 'new']);
    try {
        $mongo->executeBulkWrite("$database.jobs", $malformed);
        must(false, 'a malformed job is refused');
    } catch (BulkWriteException $error) {
        $code = $error->getWriteResult()->getWriteErrors()[0]->getCode();
        must($code === 121, "the validator refuses it: $code");
    }
}

/** On the command line. */
function on_command_line(): void
{
    $words = [setting('IVEN_WORKER', 'iven-worker'), 'enqueue', KIND, '--args', '{}'];
    array_push($words, '--unique-key', fresh());
    array_push($words, '--url', setting('IVEN_URL', 'http://127.0.0.1:8787'));
    if (($key = setting('IVEN_KEY', '')) !== '') {
        array_push($words, '--key', $key);
    }
    exec(implode(' ', array_map('escapeshellarg', $words)), $said, $status);
    must($status === 0, 'the command line puts the job');
    $job = json_decode(implode("\n", $said), true, 512, JSON_THROW_ON_ERROR);
    done($job['_id'], 'command line');
}

over_http();
as_document();
on_command_line();
