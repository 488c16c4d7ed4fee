# Made the folder saved-model once, with tensorflow-cpu 2.21.0, which is too large to be installed for a test: y = 2 x.
#   python saved_model.py saved-model
import sys

import tensorflow as tf


class Double(tf.Module):
    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x):
        return {"y": self.factor * x}


model = Double()
tf.saved_model.save(model, sys.argv[1], signatures=model.__call__)
loaded = tf.saved_model.load(sys.argv[1])
assert loaded.signatures["serving_default"](x=tf.constant([3.0]))["y"].numpy().tolist() == [6.0]
