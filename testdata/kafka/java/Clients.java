import java.time.Duration;
import java.util.*;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.serialization.*;

/** Producers, consumers in groups, transactions and administration as Java programs do them. */
public class Clients {
    static String server;

    static void check(boolean ok, Object what) {
        if (!ok) throw new AssertionError(what);
    }

    static Map<String, Object> config(Object... pairs) {
        Map<String, Object> c = new HashMap<>();
        c.put("bootstrap.servers", server);
        for (int i = 0; i < pairs.length; i += 2) c.put((String) pairs[i], pairs[i + 1]);
        return c;
    }

    static KafkaProducer<String, String> producer(Object... pairs) {
        return new KafkaProducer<>(config(pairs), new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(Object... pairs) {
        Map<String, Object> c = config(pairs);
        c.put("auto.offset.reset", "earliest");
        c.put("enable.auto.commit", false);
        return new KafkaConsumer<>(c, new StringDeserializer(), new StringDeserializer());
    }

    static void pollUntil(List<String> seen, BooleanSupplier done, List<KafkaConsumer<String, String>> consumers) {
        for (long end = System.nanoTime() + 60_000_000_000L; !done.getAsBoolean();) {
            StringBuilder have = new StringBuilder();
            for (KafkaConsumer<String, String> c : consumers) {
                for (ConsumerRecord<String, String> r : c.poll(Duration.ofMillis(50))) seen.add(r.value());
                have.append(c.assignment());
            }
            check(System.nanoTime() < end, "waited too long: " + have + " " + seen.size());
        }
    }

    /** Two consumers share the partitions, and one goes on alone. */
    static void group(String name, Object... pairs) {
        Object[] one = Arrays.copyOf(pairs, pairs.length + 2);
        one[pairs.length] = "group.id";
        one[pairs.length + 1] = name;
        List<String> seen = new ArrayList<>();
        KafkaConsumer<String, String> a = consumer(one), b = consumer(one);
        a.subscribe(List.of("java"));
        pollUntil(seen, () -> seen.size() == 200, List.of(a));
        a.commitSync();
        b.subscribe(List.of("java"));
        pollUntil(seen, () -> a.assignment().size() == 2 && b.assignment().size() == 2, List.of(a, b));
        b.close();
        pollUntil(seen, () -> a.assignment().size() == 4, List.of(a));
        check(seen.size() == 200, seen.size() + " records");
        for (OffsetAndMetadata o : a.committed(a.assignment()).values()) check(o.offset() == 50, o);
        a.close();
    }

    public static void main(String[] args) throws Exception {
        server = args[0];
        try (Admin admin = Admin.create(config())) {
            admin.createTopics(List.of(new NewTopic("java", 4, (short) 1),
                new NewTopic("java-out", Optional.empty(), Optional.empty()).configs(Map.of("retention.ms", "86400000"))))
                .all().get(20, TimeUnit.SECONDS);
            for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
                try (KafkaProducer<String, String> p = producer("compression.type", codec, "linger.ms", 5)) {
                    for (int i = 0; i < 40; i++) p.send(new ProducerRecord<>("java", i % 4, "k" + i, "v" + i));
                    p.flush();
                }
            }
            group("classic");
            group("cooperative", "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
            for (int i = 1; i < args.length; i++) group("protocol-" + args[i], "group.protocol", args[i]);
            staticMember();
            transactions(admin);
            admin(admin);
        }
        System.out.println("ok");
    }

    /** A static member comes back, and has the same partitions without a rebalance. */
    static void staticMember() {
        List<String> seen = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            KafkaConsumer<String, String> c = consumer("group.id", "static", "group.instance.id", "one");
            c.subscribe(List.of("java"));
            pollUntil(seen, () -> c.assignment().size() == 4, List.of(c));
            check(c.groupMetadata().generationId() == 1, "generation " + c.groupMetadata().generationId());
            c.close();
        }
    }

    static void transactions(Admin admin) throws Exception {
        List<String> got = new ArrayList<>();
        try (KafkaConsumer<String, String> in = consumer("group.id", "movers", "isolation.level", "read_committed");
             KafkaProducer<String, String> p = producer("transactional.id", "java-tx")) {
            p.initTransactions();
            in.subscribe(List.of("java"));
            for (boolean commit : new boolean[] {false, true}) {
                int moved = 0;
                while (moved < (commit ? 200 : 1)) {
                    ConsumerRecords<String, String> records = in.poll(Duration.ofSeconds(1));
                    if (records.isEmpty()) continue;
                    p.beginTransaction();
                    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                    for (ConsumerRecord<String, String> r : records) {
                        p.send(new ProducerRecord<>("java-out", r.key(), commit ? "good" : "bad"));
                        offsets.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
                        moved++;
                    }
                    p.sendOffsetsToTransaction(offsets, in.groupMetadata());
                    if (commit) p.commitTransaction();
                    else p.abortTransaction();
                }
                if (!commit) in.seekToBeginning(in.assignment());
            }
            long total = 0;
            for (OffsetAndMetadata o : admin.listConsumerGroupOffsets("movers").partitionsToOffsetAndMetadata()
                .get().values()) total += o.offset();
            check(total == 200, "offsets of " + total);
            check(admin.describeTransactions(List.of("java-tx")).description("java-tx").get().state()
                == TransactionState.COMPLETE_COMMIT, "state of the transaction");
            check(admin.listTransactions().all().get().size() == 1, "transactions");
            check(!admin.describeProducers(List.of(new TopicPartition("java-out", 0)))
                .partitionResult(new TopicPartition("java-out", 0)).get().activeProducers().isEmpty(), "producers");
            // Another producer of the same name takes over.
            p.beginTransaction();
            p.send(new ProducerRecord<>("java-out", "k", "zombie")).get();
            try (KafkaProducer<String, String> next = producer("transactional.id", "java-tx")) {
                next.initTransactions();
                try {
                    p.commitTransaction();
                    check(false, "the fenced producer could commit");
                } catch (ProducerFencedException | InvalidProducerEpochException expected) {
                }
            }
        }
        try (KafkaConsumer<String, String> out = consumer("isolation.level", "read_committed")) {
            TopicPartition tp = new TopicPartition("java-out", 0);
            out.assign(List.of(tp));
            out.seekToBeginning(List.of(tp));
            long end = out.endOffsets(List.of(tp)).get(tp);
            pollUntil(got, () -> out.position(tp) >= end, List.of(out));
        }
        check(got.size() == 200 && Set.copyOf(got).equals(Set.of("good")), got.size() + " " + Set.copyOf(got));
    }

    static void admin(Admin admin) throws Exception {
        check(admin.describeCluster().nodes().get().size() == 1, "nodes");
        check(admin.listTopics().names().get().containsAll(Set.of("java", "java-out")), "topics");
        TopicDescription d = admin.describeTopics(List.of("java")).allTopicNames().get().get("java");
        check(d.partitions().size() == 4 && d.partitions().get(0).leader().id() == 1, d);
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "java-out");
        check(admin.describeConfigs(List.of(topic)).all().get().get(topic).get("retention.ms").value()
            .equals("86400000"), "retention.ms");
        admin.incrementalAlterConfigs(Map.of(topic, List.of(new AlterConfigOp(
            new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.SET)))).all().get();
        check(admin.describeConfigs(List.of(topic)).all().get().get(topic).get("cleanup.policy").value()
            .equals("compact"), "cleanup.policy");
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        check(admin.describeConfigs(List.of(broker)).all().get().get(broker).get("default.replication.factor") != null,
            "the broker's settings");
        admin.createPartitions(Map.of("java", NewPartitions.increaseTo(6))).all().get();
        TopicPartition tp = new TopicPartition("java", 0);
        check(admin.listOffsets(Map.of(tp, OffsetSpec.latest())).partitionResult(tp).get().offset() == 50, "the end");
        check(admin.listOffsets(Map.of(tp, OffsetSpec.forTimestamp(0))).partitionResult(tp).get().offset() == 0, "0");
        check(admin.listOffsets(Map.of(tp, OffsetSpec.maxTimestamp())).partitionResult(tp).get().offset() >= 0, "max");
        check(admin.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(8))).lowWatermarks().get(tp).get()
            .lowWatermark() == 8, "deleted records");
        check(!admin.listGroups().all().get().isEmpty(), "groups");
        check(admin.describeConsumerGroups(List.of("static")).all().get().get("static").members().size() == 1,
            "members of the static group");
        admin.deleteConsumerGroupOffsets("classic", Set.of(tp)).all().get();
        admin.deleteConsumerGroups(List.of("classic")).all().get();
        check(admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).size() == 1, "log dirs");
        check(admin.listPartitionReassignments().reassignments().get().isEmpty(), "reassignments");
        check(admin.describeClientQuotas(org.apache.kafka.common.quota.ClientQuotaFilter.all()).entities().get()
            .isEmpty(), "quotas");
        check(admin.describeFeatures().featureMetadata().get().finalizedFeatures()
            .get("transaction.version").maxVersionLevel() == 2, "features");
        admin.fenceProducers(List.of("java-tx")).all().get();
        admin.deleteTopics(List.of("java", "java-out")).all().get();
    }
}
