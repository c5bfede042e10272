import java.time.Duration;
import java.util.*;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.Stores;

/** Counts words with Kafka Streams, exactly once, over a restart: it has a repartition topic and a changelog. */
public class Streams {
    static KafkaStreams start(String server, String dir) {
        StreamsBuilder b = new StreamsBuilder();
        b.stream("lines", Consumed.with(Serdes.String(), Serdes.String()))
            .flatMapValues(v -> Arrays.asList(v.split(" ")))
            .groupBy((k, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
            .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts"))
                .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
            .toStream().to("words", Produced.with(Serdes.String(), Serdes.Long()));
        Properties p = new Properties();
        p.put("application.id", "wordcount");
        p.put("bootstrap.servers", server);
        p.put("processing.guarantee", "exactly_once_v2");
        p.put("commit.interval.ms", 100);
        p.put("state.dir", dir);
        p.put("auto.offset.reset", "earliest");
        p.put("num.stream.threads", 2);
        KafkaStreams s = new KafkaStreams(b.build(), p);
        s.start();
        return s;
    }

    static void lines(String server, String... lines) throws Exception {
        try (KafkaProducer<String, String> p = new KafkaProducer<>(Map.of("bootstrap.servers", server),
            new StringSerializer(), new StringSerializer())) {
            for (String line : lines) p.send(new ProducerRecord<>("lines", line)).get();
        }
    }

    /** Waits for a word to have been counted so often, and wants every count on the way there once. */
    static void await(KafkaConsumer<String, Long> c, Map<String, List<Long>> seen, String word, long count) {
        for (long end = System.nanoTime() + 90_000_000_000L;;) {
            List<Long> counts = seen.getOrDefault(word, List.of());
            if (!counts.isEmpty() && counts.get(counts.size() - 1) == count) return;
            if (System.nanoTime() > end) throw new AssertionError(word + " " + count + ": " + seen);
            for (ConsumerRecord<String, Long> r : c.poll(Duration.ofMillis(100)))
                seen.computeIfAbsent(r.key(), k -> new ArrayList<>()).add(r.value());
        }
    }

    public static void main(String[] args) throws Exception {
        String server = args[0];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", server))) {
            admin.createTopics(List.of(new NewTopic("lines", 2, (short) 1), new NewTopic("words", 1, (short) 1)))
                .all().get(20, TimeUnit.SECONDS);
        }
        KafkaConsumer<String, Long> out = new KafkaConsumer<>(Map.of("bootstrap.servers", server, "isolation.level",
            "read_committed"), new StringDeserializer(), new LongDeserializer());
        TopicPartition tp = new TopicPartition("words", 0);
        out.assign(List.of(tp));
        out.seekToBeginning(List.of(tp));
        Map<String, List<Long>> seen = new HashMap<>();
        KafkaStreams s = start(server, args[1]);
        lines(server, "to be or not", "to be");
        await(out, seen, "to", 2);
        await(out, seen, "be", 2);
        s.close(Duration.ofSeconds(20));
        s = start(server, args[1]);
        lines(server, "that is to be");
        await(out, seen, "to", 3);
        await(out, seen, "be", 3);
        s.close(Duration.ofSeconds(20));
        out.close();
        System.out.println("ok");
    }
}
